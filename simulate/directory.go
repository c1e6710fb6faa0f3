package simulate

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	cached "k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// directory is what the API server says that it serves. It is asked again only
// when definitions have changed, and as long as its answer lags behind them.
type directory struct {
	discovery.CachedDiscoveryInterface
	recorder *recorder
	mapper   *directoryMapper

	mu      sync.Mutex
	answer  []*metav1.APIResourceList
	settled bool // the answer has everything that was defined then
	then    int  // definitions when it was asked
	version *version.Info
}

func newDirectory(config *rest.Config, hc *http.Client, rec *recorder) (*directory, error) {
	found, err := discovery.NewDiscoveryClientForConfigAndClient(config, hc)
	if err != nil {
		return nil, fmt.Errorf("ask the API server for its kinds: %w", err)
	}
	d := &directory{CachedDiscoveryInterface: cached.NewMemCacheClient(found), recorder: rec}
	d.mapper = &directoryMapper{DeferredDiscoveryRESTMapper: restmapper.NewDeferredDiscoveryRESTMapper(d.CachedDiscoveryInterface), directory: d}
	return d, nil
}

// Invalidate forgets the answer, unless it still holds.
func (d *directory) Invalidate() { d.refresh() }

// refresh asks again unless the answer still holds.
func (d *directory) refresh() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.recorder.definitions()
	if d.settled && d.then == now {
		return
	}
	d.mapper.DeferredDiscoveryRESTMapper.Reset()
	_, lists, err := d.ServerGroupsAndResources()
	d.answer, d.then, d.settled = lists, now, d.recorder.serves(lists, err)
}

// shown is what the server serves, asked for now unless the answer still holds.
func (d *directory) shown() []*metav1.APIResourceList {
	d.refresh()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.answer
}

// holds reports whether the answer still holds.
func (d *directory) holds() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.settled && d.then == d.recorder.definitions()
}

// ServerVersion is that of the running server, which does not change.
func (d *directory) ServerVersion() (*version.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.version != nil {
		return d.version, nil
	}
	v, err := d.CachedDiscoveryInterface.ServerVersion()
	if err == nil {
		d.version = v
	}
	return v, err
}

// directoryMapper finds the resources of kinds in a directory.
type directoryMapper struct {
	*restmapper.DeferredDiscoveryRESTMapper
	directory *directory
}

var _ meta.ResettableRESTMapper = (*directoryMapper)(nil)

// Reset forgets what was found, unless it still holds.
func (m *directoryMapper) Reset() { m.directory.refresh() }

// kindMapper is a mapper of the library, which asks once for the versions of a
// group. Kinds in versions that were defined later are found in the directory.
type kindMapper struct {
	meta.RESTMapper
	directory meta.RESTMapper
}

// RESTMapping implements meta.RESTMapper.
func (m kindMapper) RESTMapping(gk schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	found, err := m.RESTMapper.RESTMapping(gk, versions...)
	if err == nil || len(versions) > 0 {
		return found, err
	}
	if late, lateErr := m.directory.RESTMapping(gk); lateErr == nil {
		return late, nil
	}
	return nil, err
}

// resourceVersion is one version of a resource that a CustomResourceDefinition defines.
type resourceVersion struct{ crd, version string }

// kindScope is the scope of a kind that a CustomResourceDefinition defines.
type kindScope struct {
	kind  schema.GroupKind
	scope string
}

// shape is what a CustomResourceDefinition says of the kind that it defines.
type shape struct {
	Metadata struct {
		Name       string `json:"name"`
		Generation int64  `json:"generation"`
	} `json:"metadata"`
	Spec struct {
		Group string `json:"group"`
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Scope    string `json:"scope"`
		Versions []struct {
			Name   string `json:"name"`
			Served bool   `json:"served"`
		} `json:"versions"`
	} `json:"spec"`
}

// learns notes what a request has defined.
func (r *recorder) learns(req *http.Request, resp *http.Response) error {
	q, ok := parseRequest(req.URL.Path)
	if !ok || q.name == "" && req.Method != http.MethodPost || q.subobject != "" || resp.StatusCode >= 300 {
		return nil
	}
	if q.resource != "apiservices" && q.resource != "customresourcedefinitions" {
		return nil
	}
	if req.Method == http.MethodDelete {
		r.undefines(q)
		r.seen.define(q.name, moving)
		return nil
	}
	body, err := answerOf(resp)
	if err != nil {
		return err
	}
	var s shape
	if json.Unmarshal(body, &s) == nil && s.Metadata.Name != "" {
		q.name = s.Metadata.Name
		r.undefines(q)
		r.defines(q, s)
		r.seen.define(q.name, s.Metadata.Generation)
	}
	return nil
}

// defines notes what a CustomResourceDefinition or APIService defines.
func (r *recorder) defines(q request, s shape) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.resource == "apiservices" {
		r.aggregated[q.name] = true
		return
	}
	r.fresh[q.name] = true
	r.written[q.name]++
	r.scopes[q.name] = kindScope{schema.GroupKind{Group: s.Spec.Group, Kind: s.Spec.Names.Kind}, s.Spec.Scope}
	for _, v := range s.Spec.Versions {
		r.defined[resourceVersion{q.name, v.Name}] = v.Served
	}
}

// undefines notes that a CustomResourceDefinition or APIService goes.
func (r *recorder) undefines(q request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.resource == "apiservices" {
		delete(r.aggregated, q.name)
		return
	}
	delete(r.fresh, q.name)
	delete(r.scopes, q.name)
	for key := range r.defined {
		if key.crd == q.name {
			r.defined[key] = false
		}
	}
}

// serves reports whether what the server says agrees with all definitions: it
// has all resources that are defined, none that is defined no more, and knows
// which groups of other servers it cannot reach.
func (r *recorder) serves(lists []*metav1.APIResourceList, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	have := versionsIn(lists)
	for key, served := range r.defined {
		if have[key] != served {
			return false
		}
	}
	away, failed := discovery.GroupDiscoveryFailedErrorGroups(err)
	if err != nil && !failed || len(away) != len(r.aggregated) {
		return false
	}
	for gv := range away {
		if !r.aggregated[gv.Version+"."+gv.Group] {
			return false
		}
	}
	return true
}

// versionsIn are the versions of resources that a server says it serves.
func versionsIn(lists []*metav1.APIResourceList) map[resourceVersion]bool {
	have := map[resourceVersion]bool{}
	for _, list := range lists {
		group, version, _ := strings.Cut(list.GroupVersion, "/")
		for _, res := range list.APIResources {
			have[resourceVersion{res.Name + "." + group, version}] = true
		}
	}
	return have
}

// establishedIn notes the CRDs that the server serves in all their versions: it
// serves none before it is established. One that was deleted may be served still.
func (r *recorder) establishedIn(lists []*metav1.APIResourceList) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.removed {
		return
	}
	have := versionsIn(lists)
	waits := map[string]bool{}
	served := map[string]bool{}
	for key, wanted := range r.defined {
		waits[key.crd] = waits[key.crd] || have[key] != wanted
		served[key.crd] = served[key.crd] || wanted
	}
	maps.DeleteFunc(r.fresh, func(name string, _ bool) bool { return served[name] && !waits[name] })
}

// unestablished are the CRDs that were written since they were seen established, sorted.
func (r *recorder) unestablished() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.fresh))
}

// established notes that the server serves a CRD, or never will as it is.
func (r *recorder) established(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.fresh, name)
}

// contest notes that a CRD waits for the names of another one.
func (r *recorder) contest() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contested = true
}

// disputed reports whether a CRD has waited for the names of another one.
func (r *recorder) disputed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.contested
}

// Scope implements render.Scoper.
func (c *cluster) Scope(kind schema.GroupKind) string {
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	for _, crd := range slices.Sorted(maps.Keys(c.recorder.scopes)) {
		if defined := c.recorder.scopes[crd]; defined.kind == kind {
			return defined.scope
		}
	}
	return ""
}

// aggregates reports whether somebody wrote an APIService.
func (r *recorder) aggregates() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.aggregated) > 0
}
