package simulate

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// write is one request that changed an object.
type write struct {
	actor         finding.Ref // Flux object on whose behalf it was sent
	ref           finding.Ref
	before, after map[string]any // nil when the object did not or does not exist
	instances     []finding.Ref  // what goes with a CustomResourceDefinition that is deleted
}

// refused is one request that the server turned down.
type refused struct {
	actor   finding.Ref
	request request
	object  map[string]any // as sent, nil when the request carries no whole object
	status  metav1.Status
}

// recorder notes every request that changes the cluster, with the object before
// and after, and whether the server can be reached at all.
type recorder struct {
	mu       sync.Mutex
	actor    finding.Ref
	writes   []write
	total    int // grows with every write
	rules    int // grows with every write to what decides about other objects
	turned   []refused
	warnings []warned
	taken    map[finding.Ref]bool     // what the server has accepted, also without change
	crds     int                      // grows with every request that may change what is served
	defined  map[resourceVersion]bool // whether they are served still
	scopes   map[string]kindScope     // by CRD
	fresh    map[string]bool          // the CRDs that were written since they were seen established
	written  map[string]int           // by CRD, grow with requests that may change it
	// contested is set once a CRD was not accepted, as another one has its names: it
	// may be when that one changes.
	contested bool
	// aggregated are the APIService objects that were written.
	aggregated map[string]bool
	sent       map[schema.GroupResource]int // grow with every request that may change something
	requests   int                          // all of them
	removed    bool                         // a kind was removed, whose objects go later
	dead       error
	repeats    *repeats
	absences   *absences
	seen       *sightings
	news       *news

	neutral     bool     // conversion webhooks of CRDs are left out
	conversions []string // the CRDs that had one
	onWrite     func(write)
}

func newRecorder() *recorder {
	return &recorder{
		sent: map[schema.GroupResource]int{}, repeats: newRepeats(), absences: newAbsences(), seen: newSightings(), news: newNews(),
		defined: map[resourceVersion]bool{}, fresh: map[string]bool{}, written: map[string]int{}, scopes: map[string]kindScope{}, aggregated: map[string]bool{},
	}
}

// act makes ref the one on whose behalf requests are sent from now on.
func (r *recorder) act(ref finding.Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.actor = ref
}

// current is the one on whose behalf requests are sent.
func (r *recorder) current() finding.Ref {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.actor
}

// count is the number of writes so far.
func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// rulings is the number of writes so far to what decides about other objects.
func (r *recorder) rulings() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rules
}

// decides reports whether an object may decide whether the server takes others:
// definitions, policies, rights, quotas and the like.
func decides(ref finding.Ref) bool {
	return ref.Namespace == "" || slices.Contains([]string{"Role", "RoleBinding", "ResourceQuota", "LimitRange"}, ref.Kind)
}

// take returns the writes so far and forgets them.
func (r *recorder) take() []write {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.writes
	r.writes = nil
	return out
}

// answers returns the requests that the server turned down and the objects that
// it accepted, and forgets both.
func (r *recorder) answers() ([]refused, map[finding.Ref]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	turned, taken := r.turned, r.taken
	r.turned, r.taken = nil, nil
	return turned, taken
}

// resume takes back what answers has returned before, in place of what came since.
func (r *recorder) resume(turned []refused, taken map[finding.Ref]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turned, r.taken = turned, taken
}

// unsettled are the resources that the server changes by itself after requests
// for other objects.
var unsettled = []schema.GroupResource{
	{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"},
	{Group: "apiregistration.k8s.io", Resource: "apiservices"},
}

// changed grows with every request that may change an object of a resource,
// also those that are not noted.
func (r *recorder) changed(gr schema.GroupResource) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.removed || slices.Contains(unsettled, gr) {
		return r.requests
	}
	return r.sent[gr] + r.crds
}

// changedAt is like changed for one object, or for all of the resource when name
// is empty. The server writes to a definition by itself until it serves it, and
// then no more before somebody else does.
func (r *recorder) changedAt(gr schema.GroupResource, name string) int {
	if gr != unsettled[0] {
		return r.changed(gr)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.removed || r.fresh[name] || name == "" && len(r.fresh) > 0:
		return r.requests
	case name == "" || r.contested:
		return -1 - r.sent[gr] // never a number of requests
	}
	return -1 - r.written[name]
}

// definitions grows with every request that may change what the server serves.
func (r *recorder) definitions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.crds
}

// gone returns why the server cannot be reached, nil when it can.
func (r *recorder) gone() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dead
}

// watching returns a copy of config whose failures to reach the server are noted.
func (r *recorder) watching(config *rest.Config) *rest.Config {
	c := rest.CopyConfig(config)
	c.QPS = -1
	c.DisableCompression = true // the server is on this machine
	c.Wrap(func(next http.RoundTripper) http.RoundTripper { return orderly{next} })
	c.Wrap(func(next http.RoundTripper) http.RoundTripper { return undeclared{next} })
	c.Wrap(func(next http.RoundTripper) http.RoundTripper { return repeater{r.repeats, next} })
	c.Wrap(func(next http.RoundTripper) http.RoundTripper { return absentee{r.absences, next} })
	c.Wrap(func(next http.RoundTripper) http.RoundTripper { return pulse{r, next} })
	return c
}

// recording returns a copy of config whose writes are noted as those of actor, of
// the one at work when that is empty.
func (r *recorder) recording(config *rest.Config, actor finding.Ref) *rest.Config {
	c := r.watching(config)
	c.Wrap(func(next http.RoundTripper) http.RoundTripper { return tape{r, next, actor} })
	return c
}

// tape notes what a request changes.
type tape struct {
	recorder *recorder
	next     http.RoundTripper
	actor    finding.Ref // empty for the one at work
}

// by is the one on whose behalf requests are sent. The recorder is locked.
func (t tape) by() finding.Ref {
	if t.actor.IsZero() {
		return t.recorder.actor
	}
	return t.actor
}

// RoundTrip implements http.RoundTripper.
func (t tape) RoundTrip(req *http.Request) (*http.Response, error) {
	r, ok := parseRequest(req.URL.Path)
	if !ok || !r.changes(req.Method) || r.bookkeeping() || r.subobject == "status" || req.URL.Query().Has("dryRun") {
		return t.next.RoundTrip(req)
	}
	var before map[string]any
	if r.name != "" {
		before = t.read(req, req.URL.Path)
	}
	var instances []finding.Ref
	if req.Method == http.MethodDelete && before != nil && r.resource == "customresourcedefinitions" {
		instances = t.instances(req, before)
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return resp, err
	}
	if resp.StatusCode >= 300 {
		return resp, t.refuse(req, resp, r)
	}
	after, err := t.after(req, resp, r)
	if err != nil {
		return nil, err
	}
	if len(resp.Header["Warning"]) > 0 && after != nil {
		t.warn(render.RefOf(&unstructured.Unstructured{Object: after}), resp.Header)
	}
	t.note(write{before: before, after: after, instances: instances})
	return resp, nil
}

// refuse notes why the server turns a request down.
func (t tape) refuse(req *http.Request, resp *http.Response, r request) error {
	body, err := answerOf(resp)
	if err != nil {
		return err
	}
	no := refused{request: r}
	if json.Unmarshal(body, &no.status) != nil || no.status.Reason == metav1.StatusReasonNotFound && req.Method == http.MethodDelete {
		return nil
	}
	if req.GetBody != nil && req.Method != http.MethodDelete {
		if sent, err := req.GetBody(); err == nil {
			data, _ := io.ReadAll(sent)
			no.object = decode(data)
		}
	}
	t.recorder.mu.Lock()
	defer t.recorder.mu.Unlock()
	no.actor = t.by()
	t.recorder.turned = append(t.recorder.turned, no)
	return nil
}

// after is the object as the request leaves it.
func (t tape) after(req *http.Request, resp *http.Response, r request) (map[string]any, error) {
	if req.Method == http.MethodDelete {
		if r.name == "" {
			return nil, nil
		}
		return t.read(req, req.URL.Path), nil
	}
	body, err := answerOf(resp)
	if err != nil {
		return nil, err
	}
	if obj := decode(body); obj != nil || r.name == "" {
		return obj, nil
	}
	path := req.URL.Path
	if r.subobject != "" {
		path = strings.TrimSuffix(path, "/"+r.subobject)
	}
	return t.read(req, path), nil
}

// read returns the object at a path as an administrator sees it, nil when there is none.
func (t tape) read(req *http.Request, path string) map[string]any { return decode(t.get(req, path)) }

// asked is a request of an administrator for what is at a path.
func asked(req *http.Request, path string) *http.Request {
	get := req.Clone(req.Context())
	get.Method, get.Body, get.GetBody, get.ContentLength = http.MethodGet, nil, nil, 0
	get.URL.Path, get.URL.RawPath, get.URL.RawQuery = path, "", ""
	for name := range get.Header {
		if strings.HasPrefix(name, "Impersonate-") || strings.HasPrefix(name, "Content-") {
			get.Header.Del(name)
		}
	}
	get.Header.Set("Accept", "application/json")
	return get
}

// decode reads a JSON object that names itself; anything else yields nil.
func decode(body []byte) map[string]any {
	var u unstructured.Unstructured
	if len(body) == 0 || body[0] != '{' || u.UnmarshalJSON(body) != nil || u.GetName() == "" || u.GetKind() == "Status" {
		return nil
	}
	return u.Object
}

func (t tape) note(w write) {
	named := w.after
	if named == nil {
		named = w.before
	}
	if named == nil || text(named["type"]) == "helm.sh/release.v1" {
		return
	}
	t.recorder.mu.Lock()
	defer t.recorder.mu.Unlock()
	ref := render.RefOf(&unstructured.Unstructured{Object: named})
	if t.recorder.taken == nil {
		t.recorder.taken = map[finding.Ref]bool{}
	}
	t.recorder.taken[ref] = true
	if revisionOf(w.before) != "" && revisionOf(w.before) == revisionOf(w.after) {
		return
	}
	w.actor, w.ref = t.by(), ref
	t.recorder.total++
	if decides(ref) {
		t.recorder.rules++
	}
	t.recorder.writes = append(t.recorder.writes, w)
	if t.recorder.onWrite != nil {
		t.recorder.onWrite(w)
	}
}

func revisionOf(obj map[string]any) string {
	if obj == nil {
		return ""
	}
	return (&unstructured.Unstructured{Object: obj}).GetResourceVersion()
}
