package simulate

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// Options is what a Run replays, and on which server.
type Options struct {
	Config    *rest.Config // of an administrator; the server must be empty
	Ahead     *Ahead       // of Config, when the server is not empty any more but Fits
	Steps     []StepInput
	Renderers []render.Renderer // for steps that bring none of their own
	Releases  Releases          // nil: HelmReleases are listed, not replayed
	Cache     *render.Cache     // of renders, of this Run alone when nil

	FluxCRDs []*unstructured.Unstructured // installed before the first step
	// Live are objects that the cluster holds besides, there before the first
	// step. Those with a uid were read from a cluster and come with their status,
	// owners and field managers; the others are applied by the first of their
	// field managers, "kubectl" when they name none.
	Live []*unstructured.Unstructured

	// Running is set when the cluster runs the first step before the replay begins.
	Running *Running

	// Placeholders are kinds that the cluster serves without anything in the
	// repository that defines them.
	Placeholders []Placeholder

	// NodePortsKnown is set when the API server has the node ports of the cluster,
	// and refuses others.
	NodePortsKnown bool

	// Produced names the Secrets and ConfigMaps that the controller of an object
	// makes in a real cluster. Their absence here is no reason to fail.
	Produced func(*unstructured.Unstructured) []finding.Ref

	// Usage is what a Pod, PersistentVolumeClaim or Service takes of what a
	// ResourceQuota limits. Where it is nil, quotas do not count them.
	Usage func(quota, object *unstructured.Unstructured) corev1.ResourceList

	// Suggest is the name of the field that is likely meant by one that the kind
	// of the object does not have, empty for none; nil suggests nothing.
	Suggest func(object map[string]any, pointer string) string

	Emulate     Emulate
	SeedManager string // field manager of the seeds of an Entry, "flux" when empty
	States      bool   // keep the objects of the cluster after each step
	Progress    func(message string)
}

// StepInput is one revision of the repository, or one more reconciliation of it.
type StepInput struct {
	Name      string // base, head, resync
	Entry     repo.Entry
	Sources   *source.Set // of this revision
	Settings  render.Settings
	Renderers []render.Renderer // those of Options when empty

	// FluxCRDs are installed before the step where it runs another Flux than the
	// step before; those of Options are there from the beginning.
	FluxCRDs []*unstructured.Unstructured

	Apply  []Edit // what others do to the cluster before the step
	Delete []Edit // objects that others delete before the step
	Resync bool   // every Flux object is asked to reconcile once more

	Order []Precedence // of owners whose order the controllers leave open
}

// Edit is what somebody else than Flux does to one object.
type Edit struct {
	Object  *unstructured.Unstructured
	Manager string // field manager, "kubectl" when empty
}

// Emulate says which parts of a real cluster, beyond its API server, are imitated.
type Emulate struct {
	FluxInstall     bool   // namespace, service accounts and cluster role binding of the controllers
	ServiceAccounts bool   // the default service account of each namespace
	Namespaces      bool   // the deletion of a namespace and of what is in it comes to its end
	Garbage         bool   // objects go when all of their owners are gone
	ClusterRoles    bool   // aggregated cluster roles get their rules
	Pods            bool   // the pods of workloads are judged as if they were made
	Quotas          bool   // quotas are in force
	Webhooks        bool   // admission and conversion webhooks, whose pods do not run, are not called
	AggregatedAPIs  bool   // APIService objects of services that do not run do not disturb discovery
	Intervals       bool   // Flux objects that nothing else wakes come round at their interval
	AssumeReady     bool   // what no controller here looks after is reported ready
	Expressions     bool   // healthCheckExprs about a status that nobody sets hold
	NeverReady      string // annotation whose value "true" exempts an object from AssumeReady
}

// RealCluster imitates everything that can be.
func RealCluster() Emulate {
	return Emulate{
		FluxInstall: true, ServiceAccounts: true, Namespaces: true, Garbage: true, ClusterRoles: true,
		Pods: true, Quotas: true, Webhooks: true, AggregatedAPIs: true, Intervals: true, AssumeReady: true, Expressions: true,
	}
}

// Result is what a Run did to the cluster.
type Result struct {
	Steps []Step
	// States holds, for each step, the objects that were not in the cluster
	// before Flux started, without what the server sets; nil unless asked for.
	States [][]*unstructured.Unstructured
}

// Times and bounds of the replay. No reconciliation sleeps: what would have to
// wait for longer than this waits for something that never comes.
const (
	pollInterval = 20 * time.Millisecond
	stageTimeout = 10 * time.Second
	roundLimit   = 200
)

// epoch stands for every time that a controller writes into a status.
const epoch = "2020-01-01T00:00:00Z"

func (o Options) progress(message string) {
	if o.Progress != nil {
		o.Progress(message)
	}
}

func (o Options) seedManager() string {
	if o.SeedManager == "" {
		return "flux"
	}
	return o.SeedManager
}
