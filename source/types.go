// Package source resolves Flux source objects to artifacts: the files that the
// source-controller would hand to the other controllers, with revision and digest.
package source

import (
	"context"
	"io/fs"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// Artifact is what a source object yields. It is immutable.
type Artifact struct {
	Revision       string // as the controller writes it: main@sha1:<commit>, 1.2.0@sha256:<digest>, latest@sha256:<digest>
	OriginRevision string
	Subject        string   // first line of the message of the commit that it was made from, when that is known
	Digest         string   // sha256:<hex> of the content; equal content has an equal digest
	Files          []File   // sorted by Path; empty when Blob is set
	Folders        []string // sorted; those that hold no file, since ignore rules leave out what was in them
	Blob           []byte   // the layer verbatim (OCIRepository layerSelector.operation copy: a packed chart)
}

// File is one regular file of an artifact.
type File struct {
	Path   string // slash-separated, relative to the artifact root
	Exec   bool
	Data   []byte
	Origin *repo.File // where to edit it, nil when it comes from no known tree
}

// Chart is a Helm chart as source-controller would hand it to helm-controller,
// before version metadata and merged values files.
type Chart struct {
	Name     string // as requested
	Version  string // resolved
	Revision string // of the source artifact that holds it, for charts in Git or a Bucket
	Digest   string
	Archive  []byte // packed chart (.tgz); nil when Files is set
	Files    []File // chart folder with paths relative to it; nil when Archive is set
	Root     []File // the whole artifact of a chart in Git or a Bucket, for valuesFiles and file:// dependencies
	Path     string // of the chart folder in that artifact
}

// ChartRequest asks for a chart by what spec.chart.spec of a HelmRelease says.
type ChartRequest struct {
	Source  *unstructured.Unstructured // HelmRepository, GitRepository or Bucket
	Chart   string
	Version string // range or exact; ignored for Git and Bucket
}

// Failure says why a source yields nothing. Unknown is set when the controller
// might well succeed but the content is not at hand here.
type Failure struct {
	finding.Problem
	Unknown   bool
	Condition string // the reason source-controller sets on the Ready condition
	Stalled   bool   // the controller does not try again before the spec changes
}

// Getter finds other objects of the cluster, for includes and generators.
// It returns nil when the object does not exist.
type Getter func(ref finding.Ref) *unstructured.Unstructured

// Resolver resolves one kind of source. There is one file per kind; the Set
// asks its registry by group and kind.
type Resolver interface {
	Resolve(ctx context.Context, s *Set, obj *unstructured.Unstructured, get Getter) (Artifact, *Failure)
}

// FS is the artifact as a read-only file system.
func (a Artifact) FS() fs.FS { return newFileSystem(a.Files, a.Folders...) }
