package simulate

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// shown is an answer of the server to a request.
func shown(t *testing.T, s *sightings, method, path string, status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://server"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, ok := parseRequest(req.URL.Path)
	if method != http.MethodGet {
		s.touch(r, ok)
	}
	resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader("{}"))}
	if err := s.see(req, resp, s.now(r)); err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "{}" {
		t.Errorf("%s %s is answered %q (%v)", method, path, body, err)
	}
}

func TestSightings(t *testing.T) {
	type asked struct {
		method, path string
		status       int
	}
	const object, other = "/api/v1/namespaces/a/configmaps/b", "/api/v1/namespaces/a/configmaps/c"
	read := asked{"GET", object, 200}
	for _, row := range []struct {
		why   string
		asked []asked
		want  bool // whether the object is known
	}{
		{"what was read is known", []asked{read}, true},
		{"what was not there is known not to be", []asked{{"GET", object, 404}}, true},
		{"what was written is known", []asked{{"PATCH", object, 200}}, true},
		{"what may not be read is not", []asked{{"GET", object, 403}}, false},
		{"a write makes it unknown", []asked{read, {"DELETE", object, 200}}, false},
		{"a refused write, too", []asked{read, {"PATCH", object, 422}}, false},
		{"a write to its status, too", []asked{read, {"PATCH", object + "/status", 200}}, false},
		{"a write in another version, too", []asked{{"GET", "/apis/g/v1/namespaces/a/configmaps/b", 200}, {"PATCH", "/apis/g/v2/namespaces/a/configmaps/b", 200}}, false},
		{"a write to another object does not", []asked{read, {"PATCH", other, 200}}, true},
		{"one made without a name may be any of the kind", []asked{read, {"POST", "/api/v1/namespaces/a/configmaps", 201}}, false},
		{"one of another kind is not", []asked{read, {"POST", "/api/v1/namespaces/a/secrets", 201}}, true},
		{"a definition may take its objects along", []asked{read, {"DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/x.g", 200}}, false},
	} {
		s := newSightings()
		for _, a := range row.asked {
			shown(t, s, a.method, a.path, a.status)
		}
		if _, known := s.last(row.asked[0].path); known != row.want {
			t.Errorf("%s: known is %v", row.why, known)
		}
	}
	s := newSightings()
	shown(t, s, "GET", "/api/v1/namespaces/a/resourcequotas/q", 200)
	if _, known := s.last("/api/v1/namespaces/a/resourcequotas/q"); known {
		t.Error("a quota counts what others make, so it is never known")
	}
}
