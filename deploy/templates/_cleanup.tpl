{{/* A pod of it is ready when its node has nothing left; it does it once more whenever it starts. */}}
{{- define "vtepd.cleanup" -}}
initContainers:
  - name: cleanup
    {{- include "vtepd.cleanup-container" . | nindent 4 }}
    args: [cleanup]
containers:
  - name: clean
    {{- include "vtepd.cleanup-container" . | nindent 4 }}
    args: [cleanup, --stay]
volumes:
  - name: run-flannel
    hostPath: { path: /run/flannel, type: DirectoryOrCreate }
  # The folder above, so that the one of vtepd can go.
  - name: state
    hostPath: { path: /var/lib, type: Directory }
  {{- include "vtepd.lock-volume" . | nindent 2 }}
  - name: net-conf
    configMap: { name: vtepd-net-conf }
  {{- if ne .Values.cni.kind "none" }}
  - name: cni-conf
    hostPath: { path: {{ .Values.cni.confDir }}, type: DirectoryOrCreate }
  {{- end }}
{{- end -}}

{{- define "vtepd.cleanup-container" -}}
{{- include "vtepd.container" . }}
{{- if ne .Values.cni.kind "none" }}
env:
  - { name: FLANNELD_CNI_CONF_DIR, value: /etc/cni/net.d }
  - { name: FLANNELD_CNI_CONF_NAME, value: {{ .Values.cni.confName }} }
{{- end }}
{{- include "vtepd.confined" (list "NET_ADMIN" "NET_RAW") | nindent 0 }}
volumeMounts:
  - { name: run-flannel, mountPath: /run/flannel }
  - { name: state, mountPath: /var/lib }
  - { name: xtables-lock, mountPath: /run/xtables.lock }
  - { name: net-conf, mountPath: /etc/kube-flannel }
  {{- if ne .Values.cni.kind "none" }}
  - { name: cni-conf, mountPath: /etc/cni/net.d }
  {{- end }}
{{- end -}}
