package schemas

// fluxHistory is how the CRDs of Flux differ between its minors, beyond the API
// versions of fluxRemovals. Fields in which only the text of a rule, a length
// or a pattern differs are left out where both minors take the same objects.
var fluxHistory = []historyRow{
	{since: "2.7", group: "source.toolkit.fluxcd.io", kind: "ExternalArtifact", what: kindAdded},
	{since: "2.7", group: "source.extensions.fluxcd.io", kind: "ArtifactGenerator", what: kindAdded},

	{since: "2.8", group: "helm.toolkit.fluxcd.io", kind: "HelmRelease", path: "spec.healthCheckExprs", what: fieldAdded},
	{since: "2.8", group: "helm.toolkit.fluxcd.io", kind: "HelmRelease", path: "spec.install.serverSideApply", what: fieldAdded},
	{since: "2.8", group: "helm.toolkit.fluxcd.io", kind: "HelmRelease", path: "spec.upgrade.serverSideApply", what: fieldAdded},
	{since: "2.8", group: "helm.toolkit.fluxcd.io", kind: "HelmRelease", path: "spec.rollback.serverSideApply", what: fieldAdded},
	{since: "2.8", group: "helm.toolkit.fluxcd.io", kind: "HelmRelease", path: "spec.waitStrategy", what: fieldAdded},
	{since: "2.9", group: "helm.toolkit.fluxcd.io", kind: "HelmRelease", path: "spec.healthCheckExprs.kind", what: fieldOptional},
	{since: "2.9", group: "helm.toolkit.fluxcd.io", kind: "HelmRelease", path: "spec.postRenderStrategy", what: fieldAdded},
	{since: "2.9", group: "helm.toolkit.fluxcd.io", kind: "HelmRelease", path: "spec.upgrade.chartNameChangeStrategy", what: fieldAdded},
	{since: "2.9", group: "helm.toolkit.fluxcd.io", kind: "HelmRelease", path: "spec.valuesFrom.literal", what: fieldAdded},
	{since: "2.10", group: "helm.toolkit.fluxcd.io", kind: "HelmRelease", path: "spec.chart.kind", what: fieldAdded, values: "HelmChart OCIRepository"},
	{since: "2.10", group: "helm.toolkit.fluxcd.io", kind: "HelmRelease", path: "spec.chart.spec.chart", what: fieldOptional},
	{since: "2.10", group: "helm.toolkit.fluxcd.io", kind: "HelmRelease", path: "spec.chart.spec.sourceRef", what: fieldOptional},
	{since: "2.10", group: "helm.toolkit.fluxcd.io", kind: "HelmRelease", path: "spec.chart.spec", what: fieldsAdded,
		values: "certSecretRef ignore insecure layerSelector provider proxySecretRef ref secretRef serviceAccountName suspend timeout url"},

	{since: "2.9", group: "kustomize.toolkit.fluxcd.io", kind: "Kustomization", path: "spec.buildMetadata", what: fieldAdded},
	{since: "2.9", group: "kustomize.toolkit.fluxcd.io", kind: "Kustomization", path: "spec.healthCheckExprs.kind", what: fieldOptional},
	{since: "2.9", group: "kustomize.toolkit.fluxcd.io", kind: "Kustomization", path: "spec.ignore", what: fieldAdded},
	{since: "2.9", group: "kustomize.toolkit.fluxcd.io", kind: "Kustomization", path: "spec.postBuild.substituteStrategy", what: fieldAdded},

	{since: "2.9", group: "image.toolkit.fluxcd.io", kind: "ImageUpdateAutomation", path: "spec.git.commit.signingKey.type", what: fieldAdded},
	{since: "2.10", group: "image.toolkit.fluxcd.io", kind: "ImageUpdateAutomation", path: "spec.policyChangeDelay", what: fieldAdded},

	{since: "2.8", group: notificationGroup, kind: "Alert", path: "spec.eventSources.kind", what: valuesAdded, values: "ArtifactGenerator ExternalArtifact"},
	{since: "2.10", group: notificationGroup, kind: "Alert", path: "v1", what: versionAdded, from: "v1beta3", values: "spec.summary"},
	{since: "2.8", group: notificationGroup, kind: "Provider", path: "spec.type", what: valuesAdded,
		values: "giteapullrequestcomment githubpullrequestcomment gitlabmergerequestcomment"},
	{since: "2.10", group: notificationGroup, kind: "Provider", path: "v1", what: versionAdded, from: "v1beta3", values: "spec.interval spec.proxy"},
	{since: "2.10", group: notificationGroup, kind: "Provider", path: "spec.type", what: valuesAdded, values: "mastodon"},
	{since: "2.8", group: notificationGroup, kind: "Receiver", path: "spec.resources.kind", what: valuesAdded, values: "ArtifactGenerator ExternalArtifact"},
	{since: "2.9", group: notificationGroup, kind: "Receiver", path: "spec", what: rulesAdded},
	{since: "2.9", group: notificationGroup, kind: "Receiver", path: "spec.oidcProviders", what: fieldAdded},
	{since: "2.9", group: notificationGroup, kind: "Receiver", path: "spec.resources.filter", what: fieldAdded},
	{since: "2.9", group: notificationGroup, kind: "Receiver", path: "spec.secretRef", what: fieldOptional},
	{since: "2.9", group: notificationGroup, kind: "Receiver", path: "spec.type", what: valuesAdded, values: "generic-oidc"},

	{since: "2.8", group: "source.extensions.fluxcd.io", kind: "ArtifactGenerator", path: "spec.artifacts.copy.strategy", what: valuesAdded, values: "Extract"},
	{since: "2.8", group: "source.extensions.fluxcd.io", kind: "ArtifactGenerator", path: "spec.sources.kind", what: valuesAdded, values: "HelmChart ExternalArtifact"},
	{since: "2.9", group: "source.extensions.fluxcd.io", kind: "ArtifactGenerator", path: "spec", what: rulesAdded},
	{since: "2.9", group: "source.extensions.fluxcd.io", kind: "ArtifactGenerator", path: "spec.commonMetadata", what: fieldAdded},
	{since: "2.9", group: "source.extensions.fluxcd.io", kind: "ArtifactGenerator", path: "spec.pathPattern", what: fieldAdded},
	{since: "2.9", group: "source.extensions.fluxcd.io", kind: "ArtifactGenerator", path: "spec.artifacts.name", what: patternRemoved, values: "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"},
	{since: "2.10", group: "source.extensions.fluxcd.io", kind: "ArtifactGenerator", path: "spec", what: fieldsAdded, values: "managedNamespaces serviceAccountName"},
	{since: "2.10", group: "source.extensions.fluxcd.io", kind: "ArtifactGenerator", path: "spec.artifacts", what: fieldsAdded, values: "inputsFrom namespace"},
	{since: "2.10", group: "source.extensions.fluxcd.io", kind: "ArtifactGenerator", path: "spec.artifacts.copy", what: fieldsAdded, values: "optional"},

	{since: "2.9", group: "source.toolkit.fluxcd.io", kind: "GitRepository", path: "spec.provider", what: valuesAdded, values: "aws"},
	{since: "2.8", group: "source.toolkit.fluxcd.io", kind: "HelmChart", path: "spec", what: rulesAdded},
	{since: "2.9", group: "source.toolkit.fluxcd.io", kind: "OCIRepository", path: "spec.verify.trustedRootSecretRef", what: fieldAdded},
}

const notificationGroup = "notification.toolkit.fluxcd.io"
