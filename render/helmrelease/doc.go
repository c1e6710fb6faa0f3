// Package helmrelease renders a HelmRelease: the objects, hooks and
// CustomResourceDefinitions that helm-controller would hand to the cluster.
//
// It renders with Helm 3, and yields what helm-controller yields, which links
// Helm 4. Where the two differ, Helm 3 is given input, or its output is
// treated, so that the result is Helm 4's: nulls.go, sort.go. Charts for which
// this does not go are rendered with Helm 4 itself (helm4.go): survey.go finds
// them by reading their templates. Helm 4 also has the last word on a chart
// that Helm 3 refuses, as the controller writes its words into the status.
// docs/helm-versions.md lists the differences.
//
// All functions that read the clock, random numbers or the cluster are
// replaced, which only the engine of Helm 4 allows, so that a render is a pure
// function of its input and never opens a connection. A random value is
// derived from the release, the function, its arguments and how often the same
// call was made before. It is therefore the same in every run, and the same
// for the base and the head of a change.
package helmrelease
