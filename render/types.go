// Package render plays a repository forward into a World: every object that
// Flux would apply, each with the story of how it came to be. The package
// itself is plain data and one loop; Renderers for each Flux kind live below it.
package render

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// Object is one Kubernetes object as Flux would apply it, and where it is from.
// It is immutable after construction: copy before changing.
type Object struct {
	*unstructured.Unstructured
	Origin Origin
}

// Origin is the story of an Object.
type Origin struct {
	Doc       *repo.Document   // declaring document, nil for objects of a chart or a generator
	Place     finding.Position // where it is declared when Doc is nil (a generator entry, a HelmRelease)
	Owner     *Object          // the Flux object whose render yields it, nil for seeds of an Entry
	Writers   []Writer         // who wrote fields after the declaration, in order
	Hook      bool             // a Helm hook
	Note      string           // template path in a chart, for display
	Encrypted bool             // some leaves are placeholders for encrypted values
	Hidden    []string         // JSON pointers of leaves that were encrypted, and that nothing may print
	Outside   bool             // held by the cluster, applied by no Flux object
	Invented  bool             // its values are made up, and others may be missing
}

// Writer is somebody who wrote a field after its declaration.
type Writer struct {
	Pointer string // JSON pointer of the written subtree in the object
	What    string // patch, images, substitution, values, commonMetadata, targetNamespace, label
	Pos     finding.Position
}

// State is how far an owner gets.
type State string

// The states of an Outcome.
const (
	Rendered  State = "rendered"
	Suspended State = "suspended" // Applies holds what it would apply if resumed
	Unknown   State = "unknown"   // something it needs is not at hand here
	Blocked   State = "blocked"   // waits for something that never comes; Applies is rendered all the same
	Failed    State = "failed"    // the controller would report an error
)

// Condition is the Ready condition as the controller would write it.
type Condition struct {
	Status  string `json:"status"` // True, False, Unknown
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Result is what rendering one Flux object yields. Content never causes a Go error.
type Result struct {
	State     State
	Reason    string    // stable kebab-case code, empty when rendered
	Ready     Condition // as the controller would write it when State is Failed or Blocked
	Applies   []*Object // in the order in which the renderer yields them
	CRDs      []*Object // of crds/ folders of a chart, applied before the rest
	Hooks     []*Object // Helm hooks
	Problems  []finding.Problem
	Artifacts map[finding.Ref]source.Artifact // yielded by an ArtifactGenerator
	Release   *Release                        // of a HelmRelease
	Revision  string                          // of the artifact it was rendered from
}

// Release identifies a Helm release.
type Release struct {
	Name, Namespace, StorageNamespace string
	Chart, Version                    string
	ValuesDigest                      string
}

// Outcome is the Result for one Flux object of a World.
type Outcome struct {
	Object *Object
	Result
	On []finding.Ref // what it is blocked by
}

// Presence says whether an object exists in a cluster.
type Presence int

// The presences. Unsure: somebody else makes it (an ExternalSecret, a
// decryption without key), so nothing may be concluded from its content.
const (
	Absent Presence = iota
	Present
	Unsure
)

// Cluster is what a render may ask a cluster for. It has two implementations:
// the World so far, and the simulated API server.
type Cluster interface {
	// Get returns the object that the cluster holds. The result must not be changed.
	Get(ctx context.Context, ref finding.Ref) (*unstructured.Unstructured, Presence)
	// List returns the objects of a kind, in all namespaces when namespace is empty, sorted by namespace and
	// name. They must not be changed.
	List(ctx context.Context, gvk schema.GroupVersionKind, namespace string) []*unstructured.Unstructured
	// Capabilities returns the Kubernetes version and the served API versions.
	Capabilities(ctx context.Context) Capabilities
}

// Locator is a Cluster that knows where its objects are written.
type Locator interface {
	// Place returns the place to edit for a field of an object that the cluster
	// holds, a zero Position when nothing in a repository declares it.
	Place(ctx context.Context, ref finding.Ref, pointer string) finding.Position
}

// Scoper is a Cluster that knows the scopes of its custom resources.
type Scoper interface {
	// Scope is "Namespaced" or "Cluster" for a kind that a CustomResourceDefinition
	// defines, empty for others.
	Scope(kind schema.GroupKind) string
}

// Capabilities is what Helm templates see as .Capabilities.
type Capabilities struct {
	KubeVersion string   // v1.37.2
	APIVersions []string // group/version and group/version/Kind, sorted
}

// Sources gives the artifacts of source objects that the cluster holds.
type Sources interface {
	// Artifact resolves the source object that ref names. A nil Failure means success.
	Artifact(ctx context.Context, ref finding.Ref) (source.Artifact, *source.Failure)
	// Chart resolves a chart of the HelmRepository, GitRepository or Bucket that ref names.
	Chart(ctx context.Context, ref finding.Ref, chart, version string) (source.Chart, *source.Failure)
}

// Input is all that a render depends on.
type Input struct {
	Object   *Object
	Settings Settings
	Cluster  Cluster
	Sources  Sources
	Upgrade  bool // HelmRelease: .Release.IsUpgrade instead of IsInstall
	Revision int  // HelmRelease: .Release.Revision, 1 when zero
}

// NeedKind says why an object needs another one.
type NeedKind string

// The kinds of needs.
const (
	NeedDependency NeedKind = "depends-on"
	NeedSource     NeedKind = "source"
	NeedData       NeedKind = "data" // ConfigMap or Secret for substitution or values
)

// Need names what must be settled before an object is rendered.
type Need struct {
	Kind     NeedKind
	Ref      finding.Ref
	Optional bool
	Field    string // JSON pointer of the reference in the needing object
}

// Tracer is a Renderer that finds out what makes a field of an object that it
// yields, beyond what the story of the object tells.
type Tracer interface {
	// Trace returns the place to edit for the field, zero when it is not known.
	Trace(ctx context.Context, in Input, object finding.Ref, pointer string) finding.Position
}

// Renderer turns one Flux object into what it applies. Render is a pure
// function of its Input.
type Renderer interface {
	Kinds() []schema.GroupKind
	Needs(obj *Object, s Settings) []Need
	Render(ctx context.Context, in Input) Result
}
