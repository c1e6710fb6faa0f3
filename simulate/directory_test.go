package simulate

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// defined is the answer to the write of a CustomResourceDefinition.
func defined(t *testing.T, rec *recorder, method, name, versions string) {
	t.Helper()
	learned(t, rec, method, name, fmt.Sprintf(`{"metadata": {"name": %q}, "spec": {"versions": [%s]}}`, name, versions))
}

func learned(t *testing.T, rec *recorder, method, name, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://server/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	rec.counts(req)
	resp := &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}
	if err := rec.learns(req, resp); err != nil {
		t.Fatal(err)
	}
}

func TestServes(t *testing.T) {
	const one, both = `{"name": "v1", "served": true}`, `{"name": "v1", "served": true}, {"name": "v2", "served": true}`
	list := func(versions ...string) []*metav1.APIResourceList {
		var out []*metav1.APIResourceList
		for _, v := range versions {
			out = append(out, &metav1.APIResourceList{GroupVersion: "g.test/" + v, APIResources: []metav1.APIResource{{Name: "as"}}})
		}
		return out
	}
	for _, row := range []struct {
		why   string
		write [][2]string // method, versions
		lists []*metav1.APIResourceList
		want  bool
	}{
		{"nothing is defined", nil, nil, true},
		{"what is defined is served", [][2]string{{"PATCH", one}}, list("v1"), true},
		{"the answer is older than the definition", [][2]string{{"PATCH", one}}, nil, false},
		{"a version is still to come", [][2]string{{"PATCH", both}}, list("v1"), false},
		{"a version is still to go", [][2]string{{"PATCH", both}, {"PATCH", one}}, list("v1", "v2"), false},
		{"a version is gone", [][2]string{{"PATCH", both}, {"PATCH", one}}, list("v1"), true},
		{"the definition is still to go", [][2]string{{"PATCH", one}, {"DELETE", ""}}, list("v1"), false},
		{"the definition is gone", [][2]string{{"PATCH", one}, {"DELETE", ""}}, nil, true},
	} {
		rec := newRecorder()
		for _, w := range row.write {
			defined(t, rec, w[0], "as.g.test", w[1])
		}
		if got := rec.serves(row.lists, nil); got != row.want {
			t.Errorf("%s: settled is %v", row.why, got)
		}
	}
}

// What the server serves in all versions is established; nobody knows that of one
// that has no version to serve, or that was there before.
func TestEstablishedIn(t *testing.T) {
	const one, both, none = `{"name": "v1", "served": true}`, `{"name": "v1", "served": true}, {"name": "v2", "served": true}`, `{"name": "v1", "served": false}`
	lists := []*metav1.APIResourceList{{GroupVersion: "g.test/v1", APIResources: []metav1.APIResource{{Name: "as"}, {Name: "bs"}}}}
	rec := newRecorder()
	for name, versions := range map[string]string{"as.g.test": one, "bs.g.test": both, "cs.g.test": none, "ds.g.test": one} {
		defined(t, rec, "PATCH", name, versions)
	}
	rec.establishedIn(lists)
	if d := cmp.Diff([]string{"bs.g.test", "cs.g.test", "ds.g.test"}, rec.unestablished()); d != "" {
		t.Errorf("waiting for (-want +got):\n%s", d)
	}
	defined(t, rec, "DELETE", "as.g.test", "")
	defined(t, rec, "PATCH", "as.g.test", one)
	rec.establishedIn(lists)
	if d := cmp.Diff([]string{"as.g.test", "bs.g.test", "cs.g.test", "ds.g.test"}, rec.unestablished()); d != "" {
		t.Errorf("waiting for, once a definition was deleted (-want +got):\n%s", d)
	}
}

// The scope of a kind is that of its definition, as long as there is one.
func TestScope(t *testing.T) {
	rec := newRecorder()
	c, kind := &cluster{recorder: rec}, schema.GroupKind{Group: "g.test", Kind: "A"}
	for _, step := range []struct{ why, method, body, want string }{
		{"nothing is defined", "", "", ""},
		{"a definition", "PATCH", `{"metadata": {"name": "as.g.test"}, "spec": {"group": "g.test", "scope": "Cluster", "names": {"kind": "A"}}}`, "Cluster"},
		{"another kind", "POST", `{"metadata": {"name": "bs.g.test"}, "spec": {"group": "g.test", "scope": "Namespaced", "names": {"kind": "B"}}}`, "Cluster"},
		{"the definition goes", "DELETE", "", ""},
	} {
		if step.method != "" {
			learned(t, rec, step.method, "as.g.test", step.body)
		}
		if got := c.Scope(kind); got != step.want {
			t.Errorf("%s: scope %q, want %q", step.why, got, step.want)
		}
	}
	if got := rec.unestablished(); len(got) != 1 || got[0] != "bs.g.test" {
		t.Errorf("waiting for %q, want the definition that is left", got)
	}
	rec.established("bs.g.test")
	if got := rec.unestablished(); len(got) != 0 {
		t.Errorf("waiting for %q, want nothing", got)
	}
}

// A directory is asked again when a definition comes, and until it is served.
func TestDirectory(t *testing.T) {
	asked, serves := 0, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case req.URL.Path == "/apis":
			asked++
			groups := ""
			if serves != "" {
				groups = `{"name": "g.test", "versions": [{"groupVersion": "g.test/v1", "version": "v1"}]}`
			}
			fmt.Fprintf(w, `{"kind": "APIGroupList", "apiVersion": "v1", "groups": [%s]}`, groups)
		case req.URL.Path == "/apis/g.test/v1":
			fmt.Fprint(w, `{"kind": "APIResourceList", "groupVersion": "g.test/v1", "resources": [{"name": "as", "kind": "A"}]}`)
		default:
			fmt.Fprint(w, `{"kind": "APIVersions", "versions": []}`)
		}
	}))
	defer server.Close()
	rec := newRecorder()
	d, err := newDirectory(&rest.Config{Host: server.URL}, server.Client(), rec)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(why string, want int) {
		t.Helper()
		if asked != want {
			t.Errorf("%s: asked %d times, want %d", why, asked, want)
		}
	}
	d.Invalidate()
	d.mapper.Reset()
	expect("nothing has changed", 1)
	defined(t, rec, "PATCH", "as.g.test", `{"name": "v1", "served": true}`)
	d.mapper.Reset()
	d.mapper.Reset()
	expect("the definition is not served yet", 3)
	serves = "as"
	d.mapper.Reset()
	d.Invalidate()
	expect("the definition is served", 4)
	if _, err := d.mapper.RESTMapping(schema.GroupKind{Group: "g.test", Kind: "A"}, "v1"); err != nil {
		t.Errorf("the kind is not found: %v", err)
	}
	expect("the kind is known", 4)
}
