package simulate

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// quiet answers every request.
type quiet struct{}

func (quiet) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func TestChanged(t *testing.T) {
	services := schema.GroupResource{Resource: "services"}
	widgets := schema.GroupResource{Group: "example.org", Resource: "widgets"}
	crds := schema.GroupResource{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}
	const definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.org"
	tests := map[string]struct {
		reason, method, path       string
		services, widgets, defined bool
	}{
		"read":           {"nothing changes", http.MethodGet, "/api/v1/namespaces/a/services/b", false, false, false},
		"dry run":        {"nothing changes", http.MethodPatch, "/api/v1/namespaces/a/services/b?dryRun=All", false, false, false},
		"create":         {"only services may have changed", http.MethodPost, "/api/v1/namespaces/a/services", true, false, true},
		"status":         {"it is a part of the object", http.MethodPatch, "/api/v1/namespaces/a/services/b/status", true, false, true},
		"other version":  {"all versions show the same objects", http.MethodPut, "/apis/example.org/v1alpha1/namespaces/a/widgets/b", false, true, true},
		"collection":     {"all of its objects go", http.MethodDelete, "/apis/example.org/v1/namespaces/a/widgets", false, true, true},
		"CRD":            {"the server may show everything in another way", http.MethodPatch, definition, true, true, true},
		"CRD is deleted": {"the server deletes its objects", http.MethodDelete, definition, true, true, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			before := map[schema.GroupResource]int{services: r.changed(services), widgets: r.changed(widgets), crds: r.changed(crds)}
			if _, err := (pulse{r, quiet{}}).RoundTrip(httptest.NewRequest(test.method, test.path, nil)); err != nil {
				t.Fatal(err)
			}
			for gr, want := range map[schema.GroupResource]bool{services: test.services, widgets: test.widgets, crds: test.defined} {
				if got := r.changed(gr) != before[gr]; got != want {
					t.Errorf("%s: %s may have changed: got %v, want %v", test.reason, gr, got, want)
				}
			}
		})
	}
}

// A definition is read again as long as the server writes to it by itself.
func TestDefinitionsSettle(t *testing.T) {
	r, crds := newRecorder(), schema.GroupResource{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}
	names := []string{"as.g.test", "bs.g.test", ""}
	at := func() []int {
		var out []int
		for _, name := range names {
			out = append(out, r.changedAt(crds, name))
		}
		return out
	}
	other := func() {
		if _, err := (pulse{r, quiet{}}).RoundTrip(httptest.NewRequest(http.MethodPost, "/api/v1/namespaces/a/services", nil)); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		why  string
		do   func()
		want []bool // which may have changed
	}{
		{"nothing is defined", other, []bool{false, false, false}},
		{"a definition comes", func() { learned(t, r, http.MethodPatch, "as.g.test", `{"metadata": {"name": "as.g.test"}}`) }, []bool{true, false, true}},
		{"it is not served yet", other, []bool{true, false, true}},
		{"it is served", func() { r.established("as.g.test") }, []bool{true, false, true}},
		{"nothing changes any more", other, []bool{false, false, false}},
		{"a definition waits for the names of another", func() { r.contest() }, []bool{true, true, false}},
		{"another one changes: all are read again", func() { learned(t, r, http.MethodPatch, "as.g.test", `{"metadata": {"name": "as.g.test"}}`) }, []bool{true, true, true}},
	} {
		before := at()
		step.do()
		for i, now := range at() {
			if got := now != before[i]; got != step.want[i] {
				t.Errorf("%s: %q may have changed: %v, want %v", step.why, names[i], got, step.want[i])
			}
		}
	}
}

func TestObjectsOfADeletedKind(t *testing.T) {
	r := newRecorder()
	send := func(method, path string) {
		if _, err := (pulse{r, quiet{}}).RoundTrip(httptest.NewRequest(method, path, nil)); err != nil {
			t.Fatal(err)
		}
	}
	send(http.MethodDelete, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.org")
	widgets := schema.GroupResource{Group: "example.org", Resource: "widgets"}
	before := r.changed(widgets)
	send(http.MethodPost, "/api/v1/namespaces/a/services")
	if r.changed(widgets) == before {
		t.Error("objects of a deleted kind go at some time: any later request may show it, and none did")
	}
}
