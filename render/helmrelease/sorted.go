package helmrelease

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	helm "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"

	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
)

// sorted is what post-renderers make of rendered templates, sorted into hooks
// and other documents. Nobody changes it.
type sorted struct {
	hooks     []*helm.Hook
	manifests []releaseutil.Manifest
	err       error
}

// sortedCache post-renders equal texts once: what a chart renders often stays
// the same where the cluster that it asks does not.
type sortedCache struct{ entries sync.Map }

// of is what is known for the templates, post-rendered now when it is new.
func (c *sortedCache) of(files map[string]string, strategy v2.PostRenderStrategy, in kustomize.PostRenderInput) sorted {
	asked, err := json.Marshal(in)
	if err != nil {
		return sortedBy(files, strategy, in)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s %s", strategy, asked)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, " %d %s %d %s", len(name), name, len(files[name]), files[name])
	}
	entry, _ := c.entries.LoadOrStore(string(h.Sum(nil)), sync.OnceValue(func() sorted { return sortedBy(files, strategy, in) }))
	return entry.(func() sorted)()
}

func sortedBy(files map[string]string, strategy v2.PostRenderStrategy, in kustomize.PostRenderInput) sorted {
	hooks, manifests, err := postRendered(files, strategy, in)
	return sorted{hooks, manifests, err}
}
