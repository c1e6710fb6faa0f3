package simulate

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// absences knows which dry runs the API server refuses since their namespace does
// not exist. The server takes its time for each, in case the namespace is just
// being made, and Flux tries again and again.
type absences struct {
	mu      sync.Mutex
	known   map[string]absence // by all that was asked
	changes int                // grow with requests that may change the answer
}

// absence is an answer of the server, and after how many changes it was asked.
type absence struct {
	changes int
	header  http.Header
	body    []byte
}

func newAbsences() *absences { return &absences{known: map[string]absence{}} }

// absentee answers dry runs for namespaces that are known not to exist.
type absentee struct {
	absences *absences
	next     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t absentee) RoundTrip(req *http.Request) (*http.Response, error) {
	r, ok := parseRequest(req.URL.Path)
	if !ok || !r.changes(req.Method) {
		return t.next.RoundTrip(req)
	}
	if !req.URL.Query().Has("dryRun") {
		t.absences.change(r)
		return t.next.RoundTrip(req)
	}
	if r.namespace == "" || r.name == "" || r.resource == "namespaces" || req.Header.Get("Impersonate-User") != "" {
		return t.next.RoundTrip(req)
	}
	sent, err := bodyOf(req)
	if err != nil {
		return nil, err
	}
	key := strings.Join([]string{req.Method, req.URL.RequestURI(), req.Header.Get("Content-Type"), req.Header.Get("Accept"), sent}, "\x00")
	known, changes := t.absences.at(key)
	if known != nil {
		return remembered(req, http.StatusNotFound, known.header, known.body), nil
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusNotFound {
		return resp, err
	}
	body, err := answerOf(resp)
	if err != nil {
		return nil, err
	}
	if plural, name := lacked(body); plural == "namespaces" && name == r.namespace {
		t.absences.learn(key, absence{changes, resp.Header.Clone(), body})
	}
	return resp, nil
}

// lacked is what an answer says does not exist, empty when it says something else,
// as where a kind is not served.
func lacked(body []byte) (plural, name string) {
	var status metav1.Status
	if json.Unmarshal(body, &status) != nil || status.Reason != metav1.StatusReasonNotFound || status.Details == nil {
		return "", ""
	}
	return status.Details.Kind, status.Details.Name
}

// change notes a request that is no dry run.
func (a *absences) change(r request) {
	if r.resource != "namespaces" && r.resource != "customresourcedefinitions" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changes++
}

func (a *absences) at(key string) (*absence, int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.known[key]; ok && known.changes == a.changes {
		return &known, a.changes
	}
	return nil, a.changes
}

func (a *absences) learn(key string, known absence) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known[key] = known
}
