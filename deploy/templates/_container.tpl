{{/* What all containers of vtepd have in common. */}}
{{- define "vtepd.container" -}}
image: {{ include "vtepd.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
{{- end -}}

{{/* As root of the host, with the rights of `capabilities` and no other. */}}
{{- define "vtepd.confined" -}}
securityContext:
  runAsUser: 0
  privileged: false
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
    {{- with . }}
    add: {{ toJson . }}
    {{- end }}
{{- end -}}

{{- define "vtepd.lock-volume" -}}
- name: xtables-lock
  hostPath: { path: /run/xtables.lock, type: FileOrCreate }
{{- end -}}
