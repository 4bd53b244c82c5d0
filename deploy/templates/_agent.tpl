{{- define "vtepd.agent" -}}
{{- if or .Values.hostSysctls (and .Values.cni.installPlugins (ne .Values.cni.kind "none")) -}}
initContainers:
  {{- if and .Values.cni.installPlugins (ne .Values.cni.kind "none") }}
  - name: install-cni-plugins
    {{- include "vtepd.container" . | nindent 4 }}
    args: [cni, install, --plugins-only, --copy-from=/usr/lib/cni, --bin-dir=/opt/cni/bin]
    env:
      - { name: FLANNELD_CNI, value: {{ .Values.cni.kind }} }
    {{- include "vtepd.confined" list | nindent 4 }}
    volumeMounts:
      - { name: cni-bin, mountPath: /opt/cni/bin }
  {{- end }}
  {{- if .Values.hostSysctls }}
  - name: host-sysctls
    {{- include "vtepd.container" . | nindent 4 }}
    args: [sysctls]
    securityContext:
      privileged: true
      readOnlyRootFilesystem: true
    volumeMounts:
      - { name: net-conf, mountPath: /etc/kube-flannel }
  {{- end }}
{{ end -}}
containers:
  - name: vtepd
    {{- include "vtepd.container" . | nindent 4 }}
    args:
      - run
      - --ip-masq
      - --healthz-ip=127.0.0.1
      - --healthz-port={{ .Values.healthzPort }}
      {{- with .Values.metrics.port }}
      - --metrics-bind-address=:{{ . }}
      {{- end }}
      {{- with .Values.apiServerUrl }}
      - --kube-api-url={{ . }}
      {{- end }}
      {{- range .Values.extraArgs }}
      - {{ . | quote }}
      {{- end }}
    env:
      - { name: FLANNELD_CNI, value: {{ .Values.cni.kind }} }
      - name: NODE_NAME
        valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
      - { name: FLANNELD_CNI_CONF_NAME, value: {{ .Values.cni.confName }} }
    {{- with .Values.metrics.port }}
    ports:
      - { name: metrics, containerPort: {{ . }}, hostPort: {{ . }}, protocol: TCP }
    {{- end }}
    # An agent that waits is alive: only one that does not answer at all is started anew.
    startupProbe:
      httpGet: { host: 127.0.0.1, port: {{ .Values.healthzPort }}, path: /healthz }
      periodSeconds: 2
      failureThreshold: 60
      timeoutSeconds: 5
    livenessProbe:
      httpGet: { host: 127.0.0.1, port: {{ .Values.healthzPort }}, path: /healthz }
      periodSeconds: 20
      failureThreshold: 6
      timeoutSeconds: 10
    # The overlay is as it should be: a rollout waits for it on each node.
    readinessProbe:
      httpGet: { host: 127.0.0.1, port: {{ .Values.healthzPort }}, path: /readyz }
      periodSeconds: 5
      failureThreshold: 2
      timeoutSeconds: 5
    {{- include "vtepd.confined" (list "NET_ADMIN" "NET_RAW") | nindent 4 }}
    volumeMounts:
      - { name: run-flannel, mountPath: /run/flannel }
      - { name: run-vtepd, mountPath: /run/vtepd }
      - { name: state, mountPath: /var/lib/vtepd }
      - { name: xtables-lock, mountPath: /run/xtables.lock }
      - { name: net-conf, mountPath: /etc/kube-flannel }
      {{- if ne .Values.cni.kind "none" }}
      - { name: cni-conf, mountPath: /etc/cni/net.d }
      {{- end }}
volumes:
  - name: run-flannel
    hostPath: { path: /run/flannel, type: DirectoryOrCreate }
  - name: run-vtepd
    emptyDir: { medium: Memory, sizeLimit: 1Mi }
  - name: state
    hostPath: { path: /var/lib/vtepd, type: DirectoryOrCreate }
  {{- include "vtepd.lock-volume" . | nindent 2 }}
  - name: net-conf
    configMap: { name: vtepd-net-conf }
  {{- if ne .Values.cni.kind "none" }}
  - name: cni-conf
    hostPath: { path: {{ .Values.cni.confDir }}, type: DirectoryOrCreate }
  {{- if .Values.cni.installPlugins }}
  - name: cni-bin
    hostPath: { path: {{ .Values.cni.binDir }}, type: DirectoryOrCreate }
  {{- end }}
  {{- end }}
{{- end -}}
