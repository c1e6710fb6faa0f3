package simulate

import (
	"context"

	"github.com/fluxcd/pkg/apis/kustomize"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// Releases does what helm-controller does with a release once the HelmRelease
// may go ahead, and what source-controller does to pack a chart. Several releases
// may be reconciled at a time. Content never causes an error: an error means that
// the server is gone.
type Releases interface {
	// Reconcile brings the release to what the HelmRelease says.
	Reconcile(ctx context.Context, in ReleaseInput) (ReleaseResult, error)
	// Rendered is what the chart renders for the next revision of the release.
	Rendered(ctx context.Context, in ReleaseInput) render.Result
	// Uninstall removes the release of a HelmRelease that is being deleted.
	Uninstall(ctx context.Context, in ReleaseInput) (ReleaseResult, error)
	// Chart packs the chart that a HelmChart object names.
	Chart(ctx context.Context, in ReleaseInput) ChartResult
}

// ReleaseInput is a HelmRelease or HelmChart as the server holds it, with its
// status, and what its controller can reach.
type ReleaseInput struct {
	Object   *render.Object
	Settings render.Settings
	Cluster  render.Cluster
	Sources  render.Sources
	Renderer render.Renderer // of HelmReleases

	Config *rest.Config // acts as the service account of the HelmRelease; every write is recorded
	Admin  *rest.Config // acts as helm-controller itself, not recorded
	Resync bool         // a reconciliation was asked for

	// What the server serves; Invalidate and Reset cost nothing as long as nothing
	// has changed that.
	Discovery discovery.CachedDiscoveryInterface
	Mapper    meta.ResettableRESTMapper

	// Wait lets the rest of the cluster do what it does here and then lists the
	// objects that are not as they are waited for; nothing sleeps.
	Wait func(ctx context.Context, w Awaited) ([]Laggard, error)
}

// Awaited is what an action on a release waits for.
type Awaited struct {
	Objects []*unstructured.Unstructured
	Gone    bool // deleted, otherwise healthy
	Hook    bool // only Jobs and Pods count, and they have to complete
	Started bool // Jobs only have to begin
	Legacy  bool // as Helm 3 waits: for the kinds that it knows
	Exprs   []kustomize.CustomHealthCheck
}

// Laggard is an object that is not as it is waited for.
type Laggard struct {
	Name   string // Kind/namespace/name
	Status string // InProgress, Failed, NotFound, Terminating, Unknown
	Cause  string // why the status is not known
}

// ReleaseResult is what a reconciliation of a release led to.
type ReleaseResult struct {
	State   render.State     // Rendered when it is as it should be
	Reason  string           // stable kebab-case code when State is not Rendered
	Ready   render.Condition // empty: the controller leaves the condition alone
	Others  []NamedCondition // Released, TestSuccess, Remediated, Drifted, Stalled; one that is missing is removed
	Status  map[string]any   // the other fields of the status, complete
	Events  []Event
	Objects []*render.Object // rendered, for positions; nil: those of before
	Problem string           // what is wrong, when Ready does not say it
	On      []finding.Ref
	Again   bool // it goes on after others have had their turn
}

// ChartResult is what source-controller makes of a HelmChart object.
type ChartResult struct {
	Failure  *render.Condition // reason and message when there is no chart
	Unknown  bool              // the chart is not at hand here
	Stalled  bool
	Kind     string // condition that is True beside a failure: FetchFailed, BuildFailed
	Reason   string // ChartPullSucceeded or ChartPackageSucceeded
	Message  string
	Revision string // version of the chart with its metadata
	Digest   string
	Name     string
	Resolved int // dependencies that did not stand in the chart, where it was packed anew
}

// Refusal is an object that the server refuses.
type Refusal struct {
	Object *render.Object
	Error  diff.Error
	Beyond bool // Flux stops before it gets there
	Exists bool // the object is in the cluster already
}
