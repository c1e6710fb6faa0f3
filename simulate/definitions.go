package simulate

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// managedCRD is a CRD, and the manager of its fields.
type managedCRD struct {
	crd     *unstructured.Unstructured
	manager string
}

// define applies CRDs, and returns an error for each, nil where the server takes
// it. It sends them side by side, but for those of one group: whichever of them
// comes first gets the names that several want.
func (r *replay) define(ctx context.Context, list []managedCRD) []error {
	groups := map[string][]int{}
	for i, d := range list {
		name, _, _ := unstructured.NestedString(d.crd.Object, "spec", "group")
		groups[name] = append(groups[name], i)
	}
	errs := make([]error, len(list))
	var side errgroup.Group
	side.SetLimit(askedAtOnce)
	for _, members := range groups {
		side.Go(func() error {
			for _, i := range members {
				errs[i] = r.send(ctx, list[i].crd, list[i].manager)
			}
			return nil
		})
	}
	_ = side.Wait() // what fails is part of the answer
	for i, d := range list {
		if errs[i] == nil {
			r.sent(d.crd)
		}
	}
	return errs
}

// establish waits until the server serves all CRDs that it accepts. Those that
// were served once are not looked at again: nothing but a write ends that. They
// are large, so they are read only where discovery does not show them for a while.
func (r *replay) establish(ctx context.Context) error {
	r.cluster.lapse()
	clear(r.cluster.unserved)
	polls, looks := 0, 0
	return wait.PollUntilContextTimeout(ctx, pollInterval, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		n := len(r.recorder.unestablished())
		if polls++; (polls-1)%max(1, n/atOnce) != 0 {
			return false, r.alive(ctx) // the server has better to do than to answer
		}
		looks++
		if n > 1 && !r.recorder.removes() {
			r.recorder.establishedIn(r.cluster.directory.shown())
			if looks%patience != 0 && len(r.recorder.unestablished()) > 0 {
				return false, r.alive(ctx)
			}
		}
		waits, err := r.unaccepted(ctx)
		return !waits, errors.Join(err, r.alive(ctx))
	})
}

// atOnce is about how many definitions a server comes to serve between two looks.
const atOnce = 4

// patience is how often discovery is asked before the CRDs are read that it does
// not show: those that the server does not accept never are.
const patience = 20

// unaccepted reads the CRDs that are not known to be served, and reports whether
// the server has yet to make up its mind about one of them.
func (r *replay) unaccepted(ctx context.Context) (bool, error) {
	waits := false
	for _, name := range r.recorder.unestablished() {
		u := made("apiextensions.k8s.io/v1", crdKind.Kind, "", name)
		err := r.cluster.plain.Get(ctx, client.ObjectKeyFromObject(u), u)
		switch {
		case client.IgnoreNotFound(err) != nil:
			return false, err
		case err != nil:
			r.recorder.established(name) // it is gone
		case !r.cluster.settles(name, statusOf(u)):
			waits = true
		}
	}
	return waits, nil
}

// settledNames reports whether a CRD is served, or never will be as it is.
func settledNames(st *status) bool {
	return st.is("Established", "True") || st.is("NamesAccepted", "False")
}
