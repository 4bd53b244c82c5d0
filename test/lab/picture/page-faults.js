// Runs in the page that a test opened, by the DevTools protocol: what a reader would stumble over, a sentence each.
;(() => {
  const faults = []
  const { clientWidth, scrollWidth } = document.documentElement
  if (scrollWidth > clientWidth) faults.push(`the page is ${scrollWidth} px wide in a window of ${clientWidth}`)
  const named = (element) => `${element.tagName} '${(element.textContent ?? '').trim().slice(0, 40)}'`
  const shown = (element) => element.checkVisibility() && element.getBoundingClientRect().width > 0

  for (const element of document.body.querySelectorAll('*')) {
    if (!shown(element)) continue
    const { left, right } = element.getBoundingClientRect()
    if (left < -1 || right > clientWidth + 1) faults.push(`${named(element)} stands from ${left} to ${right}`)
  }

  const channels = (colour) => colour.match(/[\d.]+/g).map(Number)
  const luminance = (colour) => {
    const [red, green, blue] = channels(colour)
      .slice(0, 3)
      .map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b)
    return (light + 0.05) / (dark + 0.05)
  }
  const opaque = (colour) => colour !== 'none' && channels(colour)[3] !== 0
  const SHAPES = ['rect', 'path', 'circle']
  const WORDS = ['text', 'tspan', 'title']
  const groundAt = (x, y) => {
    for (const element of document.elementsFromPoint(x, y)) {
      if (WORDS.includes(element.tagName)) continue
      const style = getComputedStyle(element)
      const colour = SHAPES.includes(element.tagName) ? style.fill : style.backgroundColor
      if (!(element instanceof SVGElement) || SHAPES.includes(element.tagName)) if (opaque(colour)) return colour
    }
    return getComputedStyle(document.documentElement).backgroundColor
  }

  const placed = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement
    if (node.data.trim() === '' || element.tagName === 'title' || !shown(element)) continue
    const inDrawing = element instanceof SVGElement
    const style = getComputedStyle(element)
    const range = document.createRange()
    range.selectNodeContents(node)
    for (const box of range.getClientRects()) {
      if (box.width < 1) continue
      const y = (box.top + box.bottom) / 2
      for (const x of [box.left + 2, (box.left + box.right) / 2, box.right - 2]) {
        const ground = groundAt(x, y)
        const found = contrast(inDrawing ? style.fill : style.color, ground)
        if (found < 4.5) faults.push(`${named(element)} has a contrast of ${found.toFixed(2)} on ${ground}`)
      }
      if (!inDrawing) continue
      const drawing = element.closest('svg')
      const frame = drawing.getBoundingClientRect()
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1)
        faults.push(`${named(element)} is cut by its drawing`)
      placed.push({ drawing, element, box })
    }
  }
  for (const [index, one] of placed.entries())
    for (const other of placed.slice(index + 1)) {
      if (one.drawing !== other.drawing || one.element.closest('text') === other.element.closest('text')) continue
      const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left)
      const down = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top)
      if (across > 1 && down > 4) faults.push(`${named(one.element)} stands on ${named(other.element)}`)
    }
  return [...new Set(faults)]
})()
