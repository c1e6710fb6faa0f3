// Package release does to a cluster what helm-controller does for a
// HelmRelease: it installs, upgrades, tests, corrects, rolls back and
// uninstalls, through Helm 4's own actions against a real API server. The
// status of the HelmRelease carries the state from one reconciliation to the
// next, as in a cluster.
package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"text/template"
	"time"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	"helm.sh/helm/v4/pkg/kube"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
)

// FieldManager is the manager of all fields that helm-controller writes.
const FieldManager = "helm-controller"

func init() { kube.ManagedFieldsManager = FieldManager }

// Request is one reconciliation.
type Request struct {
	// Config is for the server, as the user that the release acts as. What the
	// caller wraps around its transport sees each call.
	Config *rest.Config
	// Kinds is what the server serves, asked for anew when nil.
	Kinds Kinds
	// Object is the HelmRelease that the cluster holds, with the status that
	// the reconciliation before left.
	Object   *unstructured.Unstructured
	Prepared helmrelease.Prepared // not needed by Uninstall
	Settings render.Settings
	// Health waits for objects. When nil, all objects are healthy, all hooks
	// complete and all deletions over as soon as the server has taken them.
	Health Health
	// Functions gives the template functions that replace Helm's own in one
	// render. When nil, charts see the clock and random numbers.
	Functions func() template.FuncMap
	// Check holds values against one schema of a chart; its error is in Helm's
	// words. When nil, Helm checks, and fetches what schemas refer to.
	Check func(schema []byte, values map[string]any) error
}

// Health waits until objects are healthy, hooks complete or objects deleted.
// Its error fails the action, with its text.
type Health func(ctx context.Context, w Wait) error

// Wait is what an action waits for.
type Wait struct {
	Objects []*unstructured.Unstructured
	For     WaitFor
	Legacy  bool // as Helm 3 waits
	Timeout time.Duration
}

// WaitFor is the state that an action waits for.
type WaitFor string

// The states that actions wait for.
const (
	Healthy  WaitFor = "healthy"  // and Jobs complete
	Started  WaitFor = "started"  // healthy, but Jobs only have to begin
	Complete WaitFor = "complete" // the objects of a hook
	Gone     WaitFor = "gone"     // deleted objects
)

// Next says when the controller reconciles the release again.
type Next string

// The times of the next reconciliation.
const (
	AtInterval Next = "interval" // nothing is left to do
	AtOnce     Next = "at-once"  // a retry after a remediation
	Anew       Next = "anew"     // the release that was meant before is gone: after a pause, in which others get on
	Later      Next = "later"    // an error that may pass: tried again, with growing pauses or at the retry interval
	Never      Next = "never"    // out of retries, until something changes
)

// Event is what the controller tells in an event about the HelmRelease.
type Event struct{ Type, Reason, Message string }

// Condition is a condition with its type.
type Condition struct {
	Type string
	render.Condition
}

// Result is what a reconciliation leaves.
type Result struct {
	Status v2.HelmReleaseStatus
	Events []Event
	Next   Next
	// Endless is set when what has failed is tried again at once, however often
	// it fails.
	Endless bool
}

// Reconcile installs or upgrades the release, or leaves it alone, as its state
// asks. Content never causes a Go error: the conditions tell.
func Reconcile(ctx context.Context, req Request) (Result, error) {
	r, err := newRun(req)
	if err != nil {
		return Result{}, err
	}
	next := r.reconcile(ctx)
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if next == AtInterval || next == Never || r.retries() && next == Later {
		r.hr.Status.ObservedGeneration = r.hr.Generation
	}
	out := r.result(next)
	if remediation := r.hr.GetActiveRemediation(); remediation != nil {
		out.Endless = next == AtOnce && remediation.GetRetries() < 0
	}
	return out, nil
}

// Uninstall does what the deletion of the HelmRelease causes. The caller sees
// to suspended releases and to service accounts that are gone: both leave the
// release as it is.
func Uninstall(ctx context.Context, req Request) (Result, error) {
	r, err := newRun(req)
	if err != nil {
		return Result{}, err
	}
	if r.hr.Status.StorageNamespace == "" {
		return r.result(AtInterval), nil
	}
	err = r.uninstall(ctx)
	if ctxErr := ctx.Err(); ctxErr != nil {
		return Result{}, ctxErr
	}
	if err != nil && !errors.Is(err, errNoLatest) {
		return r.result(Later), nil
	}
	r.hr.Status.ClearHistory()
	r.hr.Status.StorageNamespace = ""
	return r.result(AtInterval), nil
}

func decode(obj *unstructured.Unstructured) (*v2.HelmRelease, error) {
	hr := &v2.HelmRelease{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, hr); err != nil {
		return nil, fmt.Errorf("read %s: %w", render.RefOf(obj), err)
	}
	return hr, nil
}

// Ready is the Ready condition.
func (r Result) Ready() render.Condition {
	for _, c := range r.Status.Conditions {
		if c.Type == meta.ReadyCondition {
			return plain(c)
		}
	}
	return render.Condition{}
}

// Conditions are the conditions other than Ready, sorted by type. That the
// controller is at work is no part of them.
func (r Result) Conditions() []Condition {
	var out []Condition
	for _, c := range r.Status.Conditions {
		if c.Type != meta.ReadyCondition && c.Type != meta.ReconcilingCondition {
			out = append(out, Condition{Type: c.Type, Condition: plain(c)})
		}
	}
	slices.SortFunc(out, func(a, b Condition) int {
		if a.Type < b.Type {
			return -1
		}
		return 1
	})
	return out
}

func plain(c metav1.Condition) render.Condition {
	return render.Condition{Status: string(c.Status), Reason: c.Reason, Message: c.Message}
}

// History lists the releases that the status remembers, the latest first:
// "<namespace>/<name>.v1 chart=c@1.0.0 status=deployed".
func (r Result) History() []string {
	var out []string
	for _, s := range r.Status.History {
		out = append(out, fmt.Sprintf("%s chart=%s status=%s", s.FullReleaseName(), s.VersionedChartName(), s.Status))
	}
	return out
}

// Inventory lists the objects of the release, sorted:
// "<namespace>_<name>_<group>_<kind> <version>".
func (r Result) Inventory() []string {
	if r.Status.Inventory == nil {
		return nil
	}
	var out []string
	for _, e := range r.Status.Inventory.Entries {
		out = append(out, e.ID+" "+e.Version)
	}
	slices.Sort(out)
	return out
}

// StatusMap is the status with JSON types only, to be written to the cluster.
func (r Result) StatusMap() (map[string]any, error) {
	status := r.Status
	return runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
}
