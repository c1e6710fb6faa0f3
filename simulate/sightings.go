package simulate

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// sightings are objects as the server has shown them last: what nobody has
// written to since need not be read again.
type sightings struct {
	mu      sync.Mutex
	known   map[string]sighting // by path
	touched map[request]int     // by object or resource, grow with requests that may change it
	made    map[request]int     // by resource, grow with requests that make objects of it
	defined map[request]int64   // by resource, the generation of its definition, moving once it has changed
	all     int                 // grows with requests that may change any object
}

type sighting struct {
	moment moment
	body   []byte
	absent bool // there is no such object
}

// moment is how often an object may have changed so far.
type moment struct{ object, resource, made, all int }

func newSightings() *sightings {
	return &sightings{known: map[string]sighting{}, touched: map[request]int{}, made: map[request]int{}, defined: map[request]int64{}}
}

// ownWay are the resources that the server changes by itself; it deletes
// Endpoints with their Service.
var ownWay = append([]schema.GroupResource{
	{Resource: "resourcequotas"}, {Resource: "events"}, {Resource: "nodes"}, {Resource: "endpoints"},
	{Group: "networking.k8s.io", Resource: "ipaddresses"}, {Group: "networking.k8s.io", Resource: "servicecidrs"},
	{Group: "coordination.k8s.io", Resource: "leases"},
	{Group: "flowcontrol.apiserver.k8s.io", Resource: "flowschemas"}, {Group: "flowcontrol.apiserver.k8s.io", Resource: "prioritylevelconfigurations"},
}, unsettled...)

// moving is the generation of a definition that the server turns to, or leaves,
// by and by: nobody knows when what it shows is by which.
const moving = -1

// touch notes that a request may change objects.
func (s *sightings) touch(method string, r request, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	plural, group, named := strings.Cut(r.name, ".")
	switch {
	case ok && r.groupResource() == unsettled[0] && named:
		s.touched[request{group: group, resource: plural}]++
	case !ok || slices.Contains(unsettled, r.groupResource()):
		s.all++
	case r.name == "" && method == http.MethodPost:
		s.made[r.kind()]++
	case r.name == "":
		s.touched[r.kind()]++
	default:
		s.touched[r.key()]++
	}
}

// define notes that a definition has a generation now.
func (s *sightings) define(name string, generation int64) {
	plural, group, _ := strings.Cut(name, ".")
	of := request{group: group, resource: plural}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.defined[of]; known != 0 && known != generation {
		generation = moving
	}
	s.defined[of] = generation
}

func (r request) groupResource() schema.GroupResource {
	return schema.GroupResource{Group: r.group, Resource: r.resource}
}

// kind names all objects of a resource.
func (r request) kind() request { return request{group: r.group, resource: r.resource} }

// now is the moment for an object.
func (s *sightings) now(r request) moment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at(r)
}

func (s *sightings) at(r request) moment {
	return moment{s.touched[r.key()], s.touched[r.kind()], s.made[r.kind()], s.all}
}

// nameOf is the name of the object that a request is about, which one that makes
// an object has in its body. It is empty when the server chooses it.
func nameOf(req *http.Request, r request) string {
	if r.name != "" || !strings.HasPrefix(req.Header.Get("Content-Type"), "application/json") {
		return r.name
	}
	sent, err := bodyOf(req)
	var object struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if err != nil || json.Unmarshal([]byte(sent), &object) != nil {
		return ""
	}
	return object.Metadata.Name
}

// see notes what the server answers to a request about an object that began at a
// moment.
func (s *sightings) see(r request, req *http.Request, resp *http.Response, at moment) error {
	if r.name == "" || r.subobject != "" && r.subobject != "status" || slices.Contains(ownWay, r.groupResource()) || !wholeObject(resp) {
		return nil
	}
	missing := req.Method == http.MethodGet && resp.StatusCode == http.StatusNotFound
	shown := resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusCreated
	if !missing && (!shown || req.Method == http.MethodDelete) {
		return nil
	}
	body, err := answerOf(resp)
	if err != nil {
		return err
	}
	// What is being deleted goes with its last finalizer, in an answer that shows it.
	if shown && bytes.Contains(body, []byte(`"deletionTimestamp"`)) {
		return nil
	}
	if missing {
		if _, name := lacked(body); name != r.name {
			return nil
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimSuffix(req.URL.Path, "/"+r.subobject)
	if req.Method == http.MethodPost {
		path += "/" + r.name
	}
	s.known[path] = sighting{moment: at, body: body, absent: missing}
	return nil
}

// wholeObject reports whether an answer holds a whole object as JSON.
func wholeObject(resp *http.Response) bool {
	kind, with, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && kind == "application/json" && with["as"] == ""
}

// last is the object at a path, nil when there is none. It reports false when
// that is not known.
func (s *sightings) last(path string) ([]byte, bool) {
	known, ok := s.standing(path)
	if known.absent {
		return nil, ok
	}
	return known.body, ok
}

func (s *sightings) standing(path string) (sighting, bool) {
	r, _ := parseRequest(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.known[path]
	now := s.at(r)
	if !known.absent {
		now.made = known.moment.made
	}
	return known, ok && known.moment == now && s.defined[r.kind()] != moving
}

// answer is what the server would say to a request for an object that it has
// shown already, nil when it must be asked.
func (s *sightings) answer(req *http.Request) *http.Response {
	if req.Method != http.MethodGet || req.URL.RawQuery != "" || req.Header.Get("Impersonate-User") != "" || strings.Contains(req.Header.Get("Accept"), "as=") {
		return nil
	}
	known, ok := s.standing(req.URL.Path)
	header := http.Header{"Content-Type": {"application/json"}}
	switch {
	case !ok:
		return nil
	case known.absent:
		return remembered(req, http.StatusNotFound, header, known.body)
	}
	return remembered(req, http.StatusOK, header, known.body)
}
