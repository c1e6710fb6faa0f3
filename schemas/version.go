package schemas

import k8sversion "k8s.io/apimachinery/pkg/version"

// compareVersions orders API versions by priority: v1 after v1beta1.
func compareVersions(a, b string) int { return k8sversion.CompareKubeAwareVersionStrings(a, b) }
