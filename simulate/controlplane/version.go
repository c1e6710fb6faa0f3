package controlplane

import (
	_ "unsafe" // for the link to the version below

	"k8s.io/component-base/version"
)

// EmbeddedVersion is the version of Kubernetes that is linked into this executable.
const EmbeddedVersion = "v1.37.2"

// releaseVersion is the version that a release build of Kubernetes gets from
// its linker flags, and without which the API server would call itself v0.0.0
// to clients and charts.
//
//go:linkname releaseVersion k8s.io/component-base/version.gitVersion
var releaseVersion string

// nameVersion gives the linked API server its version.
func nameVersion() error {
	releaseVersion = EmbeddedVersion
	return version.SetDynamicVersion(releaseVersion)
}
