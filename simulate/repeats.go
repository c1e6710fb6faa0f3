package simulate

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// repeats knows what the API server says to the dry run of an apply whose
// answer nothing has changed since: neither the object, nor what decides on it.
type repeats struct {
	mu     sync.Mutex
	known  map[request]repeat // by object, without version
	judged []domain           // objects on which admission policies decide
	ruled  int                // grows with the policies that are written, and that are enforced
	world  int                // grows with requests that may change the answer for any object
	spaces map[string]int     // by namespace, grow with requests that may change the answers in it
	about  *repeat            // the version of the server
}

// repeat is an answer of the server, and what it was asked when.
type repeat struct {
	question question
	header   http.Header
	body     []byte
	dry      bool
}

// question is what decides on an answer beside the object.
type question struct {
	version, query, accept string
	body                   [sha256.Size]byte // the digest of it
	world, space, ruled    int
}

func newRepeats() *repeats {
	return &repeats{known: map[request]repeat{}, spaces: map[string]int{}}
}

// builtin are the groups whose objects the server accepts again unchanged once
// it has accepted them. The rules of a CustomResourceDefinition may compare an
// object with itself, and they change.
var builtin = []string{
	"", "apps", "autoscaling", "batch", "networking.k8s.io", "policy", "rbac.authorization.k8s.io", "scheduling.k8s.io", "storage.k8s.io",
}

// byServer are the resources of these groups that the server writes to by itself.
var byServer = []string{"servicecidrs", "ipaddresses", "events"}

// repeatable reports whether the same request means the same again. What a
// service account may do changes a moment after its roles do. The server writes
// to the status of definitions by itself, which no dry run is about.
func (r request) repeatable(req *http.Request) bool {
	return req.Method == http.MethodPatch && strings.HasPrefix(req.Header.Get("Content-Type"), "application/apply-patch") &&
		req.Header.Get("Impersonate-User") == "" && r.name != "" && r.subobject == "" &&
		(slices.Contains(builtin, r.group) && !slices.Contains(byServer, r.resource) || r.groupResource() == unsettled[0])
}

// repeater answers dry runs from what is known, and learns from all that is sent.
type repeater struct {
	repeats *repeats
	next    http.RoundTripper
}

// version asks for the version of the server once.
func (t repeater) version(req *http.Request) (*http.Response, error) {
	t.repeats.mu.Lock()
	defer t.repeats.mu.Unlock()
	if t.repeats.about != nil {
		return t.repeats.about.response(req), nil
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	body, err := answerOf(resp)
	if err == nil {
		t.repeats.about = &repeat{header: resp.Header.Clone(), body: body}
	}
	return resp, err
}

// RoundTrip implements http.RoundTripper.
func (t repeater) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet && req.URL.Path == "/version" {
		return t.version(req)
	}
	r, ok := parseRequest(req.URL.Path)
	if !ok || !r.changes(req.Method) || r.bookkeeping() {
		return t.next.RoundTrip(req)
	}
	dry := req.URL.Query().Has("dryRun")
	if dry && !r.repeatable(req) {
		return t.next.RoundTrip(req)
	}
	sent, err := bodyOf(req)
	if err != nil {
		return nil, err
	}
	if !dry {
		t.repeats.change(r, req.Method, sent)
	}
	if !r.repeatable(req) {
		return t.next.RoundTrip(req)
	}
	q := t.repeats.ask(r, req, sent)
	if dry {
		if known, ok := t.repeats.answer(r, q); ok {
			return known.response(req), nil
		}
	}
	resp, err := t.next.RoundTrip(req)
	// The dry run of an object that is not there yet tells nothing of a later one.
	if err != nil || resp.StatusCode >= 300 || dry && resp.StatusCode == http.StatusCreated {
		return resp, err
	}
	body, err := answerOf(resp)
	if err != nil {
		return nil, err
	}
	if !dry && !takes(sent, body) {
		return resp, nil
	}
	t.repeats.learn(r, repeat{question: q, header: resp.Header.Clone(), body: body, dry: dry})
	return resp, nil
}

// takes reports whether all fields that were sent are in what the server has made
// of them. It takes some away from an object that had them before, such as the
// node port of a Service that needs none any more, and refuses them the next time.
func takes(sent string, made []byte) bool {
	var want, have any
	return json.Unmarshal([]byte(sent), &want) == nil && json.Unmarshal(made, &have) == nil && holds(have, want)
}

// holds reports whether a value has all fields of another, whatever is in them.
// The items of lists may stand in any order.
func holds(have, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		fields, ok := have.(map[string]any)
		for name, value := range want {
			field, there := fields[name]
			ok = ok && (value == nil || there && holds(field, value))
		}
		return ok
	case []any:
		items, ok := have.([]any)
		for _, value := range want {
			ok = ok && slices.ContainsFunc(items, func(item any) bool { return holds(item, value) })
		}
		return ok
	}
	return true
}

// bodyOf reads what a request sends, and leaves it to be sent.
func bodyOf(req *http.Request) (string, error) {
	if req.Body == nil {
		return "", nil
	}
	data, err := io.ReadAll(req.Body)
	req.Body.Close()
	if err != nil {
		return "", err
	}
	req.Body = io.NopCloser(bytes.NewReader(data))
	return string(data), nil
}

// answerOf reads what the server answers, and leaves it to be read.
func answerOf(resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}

// key names an object, whatever version it is asked for in.
func (r request) key() request {
	r.version, r.subobject = "", ""
	return r
}

// change notes a request that is no dry run.
func (s *repeats) change(r request, method, sent string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, r.key())
	switch {
	case isProbe(r, sent):
	case strings.HasSuffix(r.resource, "admissionpolicies"):
		s.ruled++
		s.judge(method, sent)
	case strings.HasSuffix(r.resource, "admissionpolicybindings"): // of a policy that was written, too
		s.ruled++
	case r.name == "" && method == http.MethodDelete:
		s.world++
	case r.group == "" && r.resource == "namespaces":
		s.spaces[r.name]++
	case r.resource == "resourcequotas" || r.resource == "limitranges":
		s.spaces[r.namespace]++
	case r.namespace == "" && r.group != "rbac.authorization.k8s.io" && slices.Contains(builtin, r.group):
		s.world++
	}
}

// isProbe reports whether a request is about a policy of our own, or its binding,
// which decides on nothing else.
func isProbe(r request, sent string) bool {
	var named struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal([]byte(sent), &named)
	return r.group == admissionGroup && (strings.HasPrefix(r.name, probe) || strings.HasPrefix(named.Metadata.Name, probe))
}

// judge notes which objects an admission policy decides on.
func (s *repeats) judge(method, sent string) {
	var content map[string]any
	if method == http.MethodDelete {
		return
	}
	if json.Unmarshal([]byte(sent), &content) != nil {
		content = nil
	}
	for _, d := range domainsOf(content) {
		if !slices.ContainsFunc(s.judged, func(known domain) bool {
			return slices.Equal(known.groups, d.groups) && slices.Equal(known.resources, d.resources) && known.asks == d.asks
		}) {
			s.judged = append(s.judged, d)
		}
	}
}

// ask is the question of a request at this moment.
func (s *repeats) ask(r request, req *http.Request, body string) question {
	query := req.URL.Query()
	query.Del("dryRun")
	s.mu.Lock()
	defer s.mu.Unlock()
	return question{
		version: r.version, query: query.Encode(), accept: req.Header.Get("Accept"), body: sha256.Sum256([]byte(body)),
		world: s.world, space: s.spaces[r.namespace], ruled: s.ruled,
	}
}

func (s *repeats) answer(r request, q question) (repeat, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.known[r.key()]
	for _, d := range s.judged {
		// A policy may decide otherwise on an object that is made than on one that is there.
		ok = ok && (!d.has(r.group, r.resource) || !d.asks && known.dry && known.question.ruled == q.ruled)
	}
	q.ruled = known.question.ruled
	return known, ok && known.question == q
}

// enforced notes that the server enforces the policies that were written.
func (s *repeats) enforced() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ruled++
}

func (s *repeats) learn(r request, known repeat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[r.key()] = known
}

// response is the answer to the same question, asked again.
func (k repeat) response(req *http.Request) *http.Response {
	return remembered(req, http.StatusOK, k.header, k.body)
}

// remembered is an answer of the server that it need not give again.
func remembered(req *http.Request, status int, header http.Header, body []byte) *http.Response {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header.Clone(), Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}
