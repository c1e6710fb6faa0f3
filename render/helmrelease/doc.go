// Package helmrelease renders a HelmRelease: the objects, hooks and
// CustomResourceDefinitions that helm-controller would hand to the cluster.
//
// It renders with the packages of Helm 4, the version that helm-controller
// links: the template functions, the texts of errors and the order of objects
// are then the controller's own. Helm 4's engine also takes replacements for
// template functions, which Helm 3's does not. All functions that read the
// clock, random numbers or the cluster are replaced, so that a render is a
// pure function of its input and never opens a connection.
//
// A random value is derived from the release, the function, its arguments and
// how often the same call was made before. It is therefore the same in every
// run, and the same for the base and the head of a change.
package helmrelease
