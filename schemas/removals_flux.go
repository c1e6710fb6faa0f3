package schemas

// fluxRemovals are the API versions that Flux no longer serves.
var fluxRemovals = []removalRow{
	{product: flux, groupVersion: "kustomize.toolkit.fluxcd.io/v1beta1", kinds: "Kustomization", since: "2.7", replacement: "kustomize.toolkit.fluxcd.io/v1", fields: kustomizationFields},
	{product: flux, groupVersion: "kustomize.toolkit.fluxcd.io/v1beta2", kinds: "Kustomization", since: "2.8", replacement: "kustomize.toolkit.fluxcd.io/v1", fields: kustomizationFields},

	{product: flux, groupVersion: "source.toolkit.fluxcd.io/v1beta1", kinds: "GitRepository", since: "2.7", replacement: "source.toolkit.fluxcd.io/v1", fields: gitRepositoryFields},
	{product: flux, groupVersion: "source.toolkit.fluxcd.io/v1beta1", kinds: "Bucket HelmChart HelmRepository", since: "2.7", replacement: "source.toolkit.fluxcd.io/v1"},
	{product: flux, groupVersion: "source.toolkit.fluxcd.io/v1beta2", kinds: "GitRepository", since: "2.8", replacement: "source.toolkit.fluxcd.io/v1", fields: gitRepositoryFields},
	{product: flux, groupVersion: "source.toolkit.fluxcd.io/v1beta2", kinds: "Bucket HelmChart HelmRepository OCIRepository", since: "2.8", replacement: "source.toolkit.fluxcd.io/v1"},

	{product: flux, groupVersion: "helm.toolkit.fluxcd.io/v2beta1", kinds: "HelmRelease", since: "2.7", replacement: "helm.toolkit.fluxcd.io/v2", fields: helmReleaseFields},
	{product: flux, groupVersion: "helm.toolkit.fluxcd.io/v2beta2", kinds: "HelmRelease", since: "2.8", replacement: "helm.toolkit.fluxcd.io/v2", fields: helmReleaseFields},

	{product: flux, groupVersion: "notification.toolkit.fluxcd.io/v1beta1", kinds: "Alert Provider", since: "2.7", replacement: "notification.toolkit.fluxcd.io/v1beta3"},
	{product: flux, groupVersion: "notification.toolkit.fluxcd.io/v1beta1", kinds: "Receiver", since: "2.7", replacement: "notification.toolkit.fluxcd.io/v1"},
	{product: flux, groupVersion: "notification.toolkit.fluxcd.io/v1beta2", kinds: "Alert Provider", since: "2.9", replacement: "notification.toolkit.fluxcd.io/v1beta3"},
	{product: flux, groupVersion: "notification.toolkit.fluxcd.io/v1beta2", kinds: "Receiver", since: "2.9", replacement: "notification.toolkit.fluxcd.io/v1"},

	{product: flux, groupVersion: "image.toolkit.fluxcd.io/v1beta1", kinds: "ImagePolicy ImageRepository ImageUpdateAutomation", since: "2.7", replacement: "image.toolkit.fluxcd.io/v1"},
	{product: flux, groupVersion: "image.toolkit.fluxcd.io/v1beta2", kinds: "ImagePolicy ImageRepository ImageUpdateAutomation", since: "2.9", replacement: "image.toolkit.fluxcd.io/v1"},
}

// The fields that went with an old version.
var (
	kustomizationFields = []string{"spec.patchesJson6902", "spec.patchesStrategicMerge", "spec.validation"}
	gitRepositoryFields = []string{"spec.accessFrom", "spec.gitImplementation"}
	helmReleaseFields   = []string{
		"spec.chart.spec.valuesFile",
		"spec.postRenderers.kustomize.patchesJson6902",
		"spec.postRenderers.kustomize.patchesStrategicMerge",
	}
)
