package simulate

import (
	"cmp"
	"io"
	"net/http"
	"strings"
	"testing"
)

// shown is an answer of the server to a request, which sends an object with a
// name where its path ends with one after a hash.
func shown(t *testing.T, s *sightings, method, path string, status int) {
	t.Helper()
	if method == defines {
		s.define(path, int64(status))
		return
	}
	path, name, _ := strings.Cut(path, "#")
	req, err := http.NewRequestWithContext(t.Context(), method, "https://server"+path, strings.NewReader(`{"metadata":{"name":"`+name+`"}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	r, ok := parseRequest(req.URL.Path)
	if method == http.MethodPost {
		r.name = nameOf(req, r)
	}
	if method != http.MethodGet {
		s.touch(method, r, ok)
	}
	says := "{}"
	switch status {
	case http.StatusNotFound:
		says = `{"kind": "Status", "reason": "NotFound", "details": {"name": "` + r.name + `"}}`
	case leaving:
		status, says = http.StatusOK, `{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}}`
	case unserved:
		status, says = http.StatusNotFound, "404 page not found"
	}
	resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(says))}
	if err := s.see(r, req, resp, s.now(r)); err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != says {
		t.Errorf("%s %s is answered %q (%v)", method, path, body, err)
	}
}

// leaving and unserved are no statuses of HTTP: an object that is being deleted,
// and a kind that is not there.
const leaving, unserved = 1, 2

// defines is no method of HTTP: the definition at the path has a generation now.
const defines = "DEFINES"

func TestSightings(t *testing.T) {
	type asked struct {
		method, path string
		status       int
	}
	const object, other = "/api/v1/namespaces/a/configmaps/b", "/api/v1/namespaces/a/configmaps/c"
	const custom, definition = "/apis/g/v1/namespaces/a/xs/b", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/xs.g"
	read, none := asked{"GET", object, 200}, asked{"GET", object, 404}
	for _, row := range []struct {
		why   string
		asked []asked
		want  bool // whether the object is known: the first one asked for unless it is named
		of    string
	}{
		{"what was read is known", []asked{read}, true, ""},
		{"what was not there is known not to be", []asked{{"GET", object, 404}}, true, ""},
		{"what was written is known", []asked{{"PATCH", object, 200}}, true, ""},
		{"what may not be read is not", []asked{{"GET", object, 403}}, false, ""},
		{"a write makes it unknown", []asked{read, {"DELETE", object, 200}}, false, ""},
		{"a refused write, too", []asked{read, {"PATCH", object, 422}}, false, ""},
		{"a refused write to its status, too", []asked{read, {"PATCH", object + "/status", 422}}, false, ""},
		{"an answer about its status shows all of it", []asked{{"PATCH", object + "/status", 200}}, true, object},
		{"that about another part does not", []asked{{"PUT", object + "/scale", 200}}, false, object},
		{"a write in another version, too", []asked{{"GET", "/apis/g/v1/namespaces/a/configmaps/b", 200}, {"PATCH", "/apis/g/v2/namespaces/a/configmaps/b", 200}}, false, ""},
		{"a write to another object does not", []asked{read, {"PATCH", other, 200}}, true, ""},
		{"one that is made is none of those that are there", []asked{read, {"POST", "/api/v1/namespaces/a/configmaps", 201}}, true, ""},
		{"but may be one that is not", []asked{none, {"POST", "/api/v1/namespaces/a/configmaps", 201}}, false, ""},
		{"unless it has another name", []asked{none, {"POST", "/api/v1/namespaces/a/configmaps#c", 201}}, true, ""},
		{"or its name", []asked{none, {"POST", "/api/v1/namespaces/a/configmaps#b", 409}}, false, ""},
		{"what was made is known", []asked{{"POST", "/api/v1/namespaces/a/configmaps#b", 201}}, true, object},
		{"one of another kind is not", []asked{none, {"POST", "/api/v1/namespaces/a/secrets", 201}}, true, ""},
		{"many may be any of the kind", []asked{read, {"DELETE", "/api/v1/namespaces/a/configmaps", 200}}, false, ""},
		{"what is being deleted goes by itself", []asked{{"PATCH", object, leaving}}, false, ""},
		{"a kind that is not served is not an object that is not there", []asked{{"GET", custom, unserved}}, false, ""},
		{"objects may look otherwise as it is defined", []asked{{"GET", custom, 200}, {"PATCH", definition, 200}}, false, ""},
		{"a definition does not change objects of others", []asked{read, {"PATCH", definition, 200}}, true, ""},
		{"a definition that changes is not at once what the server goes by", []asked{{defines, "xs.g", 1}, {defines, "xs.g", 2}, {"GET", custom, 200}}, false, custom},
		{"not even when it is applied again", []asked{{defines, "xs.g", 1}, {defines, "xs.g", 2}, {defines, "xs.g", 2}, {"GET", custom, 200}}, false, custom},
		{"one that is applied again as it is stays what the server goes by", []asked{{defines, "xs.g", 1}, {defines, "xs.g", 1}, {"GET", custom, 200}}, true, custom},
		{"a definition takes its objects along by and by", []asked{{defines, "xs.g", 1}, {defines, "xs.g", moving}, {"GET", custom, 200}}, false, custom},
	} {
		s := newSightings()
		for _, a := range row.asked {
			shown(t, s, a.method, a.path, a.status)
		}
		path := cmp.Or(row.of, row.asked[0].path)
		if _, known := s.last(path); known != row.want {
			t.Errorf("%s: known is %v", row.why, known)
		}
	}
	s := newSightings()
	for path, why := range map[string]string{
		"/api/v1/namespaces/a/resourcequotas/q": "a quota counts what others make",
		"/api/v1/namespaces/a/endpoints/e":      "endpoints go with their service",
	} {
		shown(t, s, "GET", path, 200)
		if _, known := s.last(path); known {
			t.Errorf("%s, so it is never known", why)
		}
	}
}

// TestSightingsAnswer holds that a request for an object that was shown is
// answered as the server did, and only such a request.
func TestSightingsAnswer(t *testing.T) {
	const object, missing = "/api/v1/namespaces/a/configmaps/b", "/api/v1/namespaces/a/configmaps/c"
	s := newSightings()
	shown(t, s, "PATCH", object, 200)
	shown(t, s, "GET", missing, 404)
	for _, row := range []struct {
		why, method, path, user, accept string
		want                            int // the status, 0 when the server is to be asked
	}{
		{"an object that was shown", "GET", object, "", "application/json", 200},
		{"one that is not there", "GET", missing, "", "application/json", 404},
		{"one that was never asked for", "GET", object + "x", "", "application/json", 0},
		{"for somebody who may not read it", "GET", object, "somebody", "application/json", 0},
		{"a watch", "GET", object + "?watch=true", "", "application/json", 0},
		{"a part of it", "GET", object, "", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", 0},
		{"a write", "PUT", object, "", "application/json", 0},
	} {
		req, err := http.NewRequestWithContext(t.Context(), row.method, "https://server"+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", row.accept)
		if row.user != "" {
			req.Header.Set("Impersonate-User", row.user)
		}
		got := 0
		if resp := s.answer(req); resp != nil {
			defer resp.Body.Close()
			got = resp.StatusCode
		}
		if got != row.want {
			t.Errorf("%s: answered with %d, want %d", row.why, got, row.want)
		}
	}
}
