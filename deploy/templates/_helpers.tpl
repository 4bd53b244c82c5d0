{{/* Accounts and policies are named with their namespace, in the policies and in vtepd itself. */}}
{{- define "vtepd.checks" -}}
{{- if ne .Release.Namespace "kube-system" -}}
{{- fail "vtepd's accounts and admission policies are those of kube-system: install with --namespace kube-system" -}}
{{- end -}}
{{- if not (or .Values.podCidr .Values.podCidrv6) -}}
{{- fail "give podCidr, podCidrv6 or both" -}}
{{- end -}}
{{- if and .Values.metrics.podMonitor (not .Values.metrics.port) -}}
{{- fail "metrics.podMonitor needs metrics.port" -}}
{{- end -}}
{{- end -}}

{{/* What tells a Prometheus without its operator to scrape the pods. */}}
{{- define "vtepd.scraped" -}}
{{- if and .Values.metrics.port (not .Values.cleanup) (not .Values.metrics.podMonitor) -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .Values.metrics.port | quote }}
{{- end -}}
{{- end -}}

{{- define "vtepd.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "vtepd.labels" -}}
app.kubernetes.io/name: vtepd
app.kubernetes.io/component: agent
{{- end -}}
