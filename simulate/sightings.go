package simulate

import (
	"mime"
	"net/http"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// sightings are objects as the server has shown them last: what nobody has
// written to since need not be read again.
type sightings struct {
	mu      sync.Mutex
	known   map[string]sighting // by path
	touched map[request]int     // by object or resource, grow with requests that may change it
	all     int                 // grows with requests that may change any object
}

type sighting struct {
	moment moment
	body   []byte // nil when there is no such object
}

// moment is how often an object may have changed so far.
type moment struct{ object, resource, all int }

func newSightings() *sightings {
	return &sightings{known: map[string]sighting{}, touched: map[request]int{}}
}

// ownWay are the resources that the server changes by itself.
var ownWay = append([]schema.GroupResource{
	{Resource: "resourcequotas"}, {Resource: "events"}, {Resource: "nodes"}, {Resource: "serviceaccounts"},
	{Group: "networking.k8s.io", Resource: "ipaddresses"}, {Group: "networking.k8s.io", Resource: "servicecidrs"},
}, unsettled...)

// touch notes that a request may change objects.
func (s *sightings) touch(r request, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !ok || slices.Contains(unsettled, schema.GroupResource{Group: r.group, Resource: r.resource}):
		s.all++
	case r.name == "":
		s.touched[r.kind()]++
	default:
		s.touched[r.key()]++
	}
}

// kind names all objects of a resource.
func (r request) kind() request { return request{group: r.group, resource: r.resource} }

// now is the moment for an object.
func (s *sightings) now(r request) moment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return moment{s.touched[r.key()], s.touched[r.kind()], s.all}
}

// see notes what the server answers to a request that began at a moment.
func (s *sightings) see(req *http.Request, resp *http.Response, at moment) error {
	r, ok := parseRequest(req.URL.Path)
	if !ok || r.name == "" || r.subobject != "" || slices.Contains(ownWay, schema.GroupResource{Group: r.group, Resource: r.resource}) {
		return nil
	}
	var body []byte
	switch {
	case req.Method == http.MethodGet && resp.StatusCode == http.StatusNotFound:
	case resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusCreated:
		kind, with, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		if err != nil || kind != "application/json" || with["as"] != "" || req.Method == http.MethodDelete {
			return nil
		}
		if body, err = answerOf(resp); err != nil {
			return err
		}
	default:
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[req.URL.Path] = sighting{at, body}
	return nil
}

// last is the object at a path, nil when there is none. It reports false when
// that is not known.
func (s *sightings) last(path string) ([]byte, bool) {
	r, _ := parseRequest(path)
	now := s.now(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.known[path]
	return known.body, ok && known.moment == now
}
