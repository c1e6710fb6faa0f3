// Package repo reads a repository once into a Tree whose every value knows its
// file, line and column, and finds the clusters that the repository describes.
// Nothing is ever written to the user's tree.
package repo

import (
	"io/fs"

	"go.yaml.in/yaml/v3"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// File is one regular file, symbolic link or unreadable entry of a Tree.
type File struct {
	Path string      // slash-separated, relative to the root of the tree
	Mode fs.FileMode // type bits and permission; a symbolic link keeps fs.ModeSymlink
	Link string      // target of a symbolic link

	display string // Path, with the tree's label in front for trees that are not the user's
	read    func() ([]byte, error)
	size    func() (int64, error)
	virtual bool // content that is not in the user's repository, so lines of it mean nothing there
	chart   bool // a template of a Helm chart, which is no YAML yet
	objects bool // YAML or JSON whatever the name ends with
	parsed  parsed
}

// Document is one YAML document of a File. Its nodes are kept for the whole run.
type Document struct {
	File  *File
	Index int        // 0 for the first document of the file
	Root  *yaml.Node // the content node, never a DocumentNode, nil for an empty document

	start *yaml.Node // where the document begins
}

// Entry is one cluster: what bootstrapping Flux with this repository applies,
// from which everything else follows by being applied.
type Entry struct {
	Name    string            // short and unique in the repository, for --cluster
	Dir     string            // the folder that the root Kustomization applies, "." for the root
	Found   string            // how: gotk-sync, flux-instance, graph-root, directory, explicit
	Pos     finding.Position  // what made it an entry
	Root    finding.Ref       // the root Kustomization
	Source  finding.Ref       // the source object that is this repository
	Seeds   []Seed            // applied before Flux starts: source, root Kustomization
	Overlay map[string][]byte // content that bootstrap writes over empty placeholders, by path
	Assumed []Assumption

	// Instance holds the FluxInstance that makes the cluster, nil without one;
	// InstanceField is the JSON pointer of its spec in there.
	Instance      *Document
	InstanceField string
}

// Seed is an object that an Entry starts with.
type Seed struct {
	Doc    *Document      // declaring document, nil when nothing in the tree declares it
	Object map[string]any // JSON types only
	Pos    finding.Position
}

// Assumption is something the repository does not say and the tool takes for granted.
type Assumption struct {
	Text string           `json:"text"`
	Pos  finding.Position `json:"position,omitzero"`
}
