{{- define "hiir.name" -}}
{{- if contains "hiir" .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-hiir" (.Release.Name | trunc 35 | trimSuffix "-") }}
{{- end -}}
{{- end -}}

{{/* Labels that select the pods of one component: (list $ "worker"). */}}
{{- define "hiir.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: hiir
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "hiir.labels" -}}
{{- $root := index . 0 -}}
{{ include "hiir.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{/* Image and pull policy of a container: (list $ "worker"). */}}
{{- define "hiir.image" -}}
{{- $root := index . 0 -}}
{{- $image := index $root.Values.images (index . 1) -}}
{{- if $image.digest -}}
image: {{ printf "%s@%s" $image.repository $image.digest | quote }}
{{- else -}}
image: {{ printf "%s:%s" $image.repository ($image.tag | default $root.Chart.AppVersion) | quote }}
{{- end }}
imagePullPolicy: {{ $root.Values.images.pullPolicy }}
{{- end -}}

{{/* What every pod has: no token of the Kubernetes API, not root: (list $ user-id). Variables for each
Service (HIIR_API_PORT and others) would look like settings. */}}
{{- define "hiir.pod" -}}
{{- $root := index . 0 -}}
{{- $user := index . 1 -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $user }}
  runAsGroup: {{ $user }}
  fsGroup: {{ $user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Refuse limits that no number meets, which a schema cannot compare: (list "api" values). */}}
{{- define "hiir.checkScaling" -}}
{{- $scaled := index . 1 -}}
{{- if lt (int $scaled.maxReplicas) (int $scaled.minReplicas) -}}
{{- fail (printf "%s.autoscaling: maxReplicas (%v) is below minReplicas (%v)" (index . 0) $scaled.maxReplicas $scaled.minReplicas) -}}
{{- end -}}
{{- end -}}

{{- define "hiir.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{- define "hiir.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Pods of a component on different nodes, if there are enough: (list $ "worker"). */}}
{{- define "hiir.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "hiir.selector" . | nindent 8 }}
{{- end -}}

{{/* Environment of the service's own containers, as in docker-compose.yml. */}}
{{- define "hiir.environment" -}}
- {name: HIIR_LOG_FORMAT, value: json}
- {name: HIIR_METRICS__HOST, value: 0.0.0.0} # network policies admit Prometheus alone
- name: HIIR_REDIS_URL
  valueFrom:
    secretKeyRef: {name: {{ .Values.redis.secretName | quote }}, key: {{ .Values.redis.secretKey | quote }}}
- {name: HIIR_TRITON_URL, value: "dns:///{{ include "hiir.name" . }}-triton:8001"}
- {name: HIIR_MODEL_REPOSITORY, value: /models}
- {name: HIIR_MODELS, value: {{ .Values.models.names | toJson | quote }}}
- {name: MALLOC_ARENA_MAX, value: "2"}
{{- with .Values.tracing.endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- range $name, $value := .Values.tracing.variables }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end -}}

{{- define "hiir.bucket" -}}
{{- with .Values.bucket.secretName }}
envFrom:
  - secretRef: {name: {{ . | quote }}}
{{- end }}
{{- end -}}

{{- define "hiir.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: models, mountPath: /models, readOnly: true}
{{- end -}}

{{- define "hiir.volumes" -}}
- {name: tmp, emptyDir: {medium: Memory, sizeLimit: 2Gi}}
- name: models
  {{- toYaml .Values.models.volume | nindent 2 }}
{{- end -}}
