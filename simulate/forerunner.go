package simulate

import (
	"context"
	"reflect"
	"sync"

	"github.com/fluxcd/pkg/ssa"
	ssautils "github.com/fluxcd/pkg/ssa/utils"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// askedAtOnce is how many objects of a stage are asked about at a time.
const askedAtOnce = 4

// forerunner is a client that asks ahead. Flux looks at all objects of a stage,
// and dry-runs them, before it writes the first one, and does so one after the
// other; what it will ask is known, so it is asked side by side, and the answers
// wait for their questions. A write makes all of them void.
type forerunner struct {
	client.Client
	manager string

	mu     sync.Mutex
	stages [][]*unstructured.Unstructured // not asked about yet
	known  map[identity]*foretold
}

// identity names an object with the version that it is asked for in.
type identity struct {
	kind schema.GroupVersionKind
	name client.ObjectKey
}

func identityOf(o client.Object) identity {
	return identity{o.GetObjectKind().GroupVersionKind(), client.ObjectKeyFromObject(o)}
}

// foretold is what the server says of one object.
type foretold struct {
	live    *unstructured.Unstructured
	liveErr error
	sent    *unstructured.Unstructured
	dry     *unstructured.Unstructured
	dryErr  error
}

// expect tells which objects will be applied with which options.
func (f *forerunner) expect(objects []*unstructured.Unstructured, opts ssa.ApplyOptions) {
	stages := make([][]*unstructured.Unstructured, 4)
	for _, u := range objects {
		i := 3
		switch {
		case ssautils.IsClusterDefinition(u):
			i = 0
		case ssautils.IsClassDefinition(u):
			i = 1
		case ssautils.IsCustomStage(u, opts.CustomStageKinds):
			i = 2
		}
		stages[i] = append(stages[i], u)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stages, f.known = stages, map[identity]*foretold{}
}

// ahead asks about the whole stage of an object that is asked about for the
// first time, and returns what is known of the object.
func (f *forerunner) ahead(ctx context.Context, o client.Object) *foretold {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := identityOf(o)
	for i, stage := range f.stages {
		times := map[identity]int{}
		for _, u := range stage {
			times[identityOf(u)]++
		}
		if times[id] == 0 {
			continue
		}
		f.stages[i] = nil
		if len(stage) > 1 {
			f.ask(ctx, stage, times)
		}
		break
	}
	return f.known[id]
}

// ask asks about objects side by side, but for those that come more than once.
func (f *forerunner) ask(ctx context.Context, stage []*unstructured.Unstructured, times map[identity]int) {
	answers := make([]*foretold, len(stage))
	var group errgroup.Group
	group.SetLimit(askedAtOnce)
	for i, u := range stage {
		if times[identityOf(u)] > 1 {
			continue
		}
		group.Go(func() error {
			answers[i] = f.foretell(ctx, u.DeepCopy())
			return nil
		})
	}
	_ = group.Wait() // what fails is part of the answers
	for i, u := range stage {
		if answers[i] != nil {
			f.known[identityOf(u)] = answers[i]
		}
	}
}

// foretell asks what Flux asks about one object.
func (f *forerunner) foretell(ctx context.Context, u *unstructured.Unstructured) *foretold {
	ssautils.RemoveCABundleFromCRD(u)
	out := &foretold{live: &unstructured.Unstructured{}, sent: u, dry: u.DeepCopy()}
	out.live.SetGroupVersionKind(u.GroupVersionKind())
	out.liveErr = f.Client.Get(ctx, client.ObjectKeyFromObject(u), out.live)
	//lint:ignore SA1019 a patch leaves what the server made of the object in it
	out.dryErr = f.Client.Patch(ctx, out.dry, client.Apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner(f.manager))
	return out
}

// Get implements client.Client.
func (f *forerunner) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	u, ok := o.(*unstructured.Unstructured)
	if !ok || len(opts) > 0 {
		return f.Client.Get(ctx, key, o, opts...)
	}
	named := &unstructured.Unstructured{}
	named.SetGroupVersionKind(u.GroupVersionKind())
	named.SetNamespace(key.Namespace)
	named.SetName(key.Name)
	known := f.ahead(ctx, named)
	if known == nil || known.live == nil {
		return f.Client.Get(ctx, key, o, opts...)
	}
	if known.liveErr == nil {
		u.Object = known.live.Object
	}
	known.live = nil // whoever asked may change it
	return known.liveErr
}

// Patch implements client.Client.
func (f *forerunner) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	var with client.PatchOptions
	with.ApplyOptions(opts)
	if len(with.DryRun) == 0 {
		f.forget()
		return f.Client.Patch(ctx, o, p, opts...)
	}
	u, ok := o.(*unstructured.Unstructured)
	//lint:ignore SA1019 it is what ssa sends
	if !ok || p != client.Apply || with.FieldManager != f.manager || with.Force == nil || !*with.Force {
		return f.Client.Patch(ctx, o, p, opts...)
	}
	known := f.ahead(ctx, u)
	if known == nil || known.dry == nil || !reflect.DeepEqual(known.sent.Object, u.Object) {
		return f.Client.Patch(ctx, o, p, opts...)
	}
	if known.dryErr == nil {
		u.Object = known.dry.Object
	}
	known.dry = nil
	return known.dryErr
}

// Create implements client.Client.
func (f *forerunner) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	f.forget()
	return f.Client.Create(ctx, o, opts...)
}

// Update implements client.Client.
func (f *forerunner) Update(ctx context.Context, o client.Object, opts ...client.UpdateOption) error {
	f.forget()
	return f.Client.Update(ctx, o, opts...)
}

// Delete implements client.Client.
func (f *forerunner) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	f.forget()
	return f.Client.Delete(ctx, o, opts...)
}

// forget drops the answers that a write makes void.
func (f *forerunner) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.known)
}
