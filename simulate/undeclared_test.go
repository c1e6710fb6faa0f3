package simulate

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// answering answers requests of a test.
type answering func(*http.Request) *http.Response

func (s answering) RoundTrip(req *http.Request) (*http.Response, error) { return s(req), nil }

func TestUndeclared(t *testing.T) {
	const apply = "application/apply-patch+yaml"
	tests := []struct {
		reason, contentType, sent, path string
		declared                        []string
		want                            string
		written                         int // requests that are no dry run
	}{
		{"the first by name of several", apply, "metadata: {name: a, zone: x, extra: y, more: z}", ".metadata", []string{"name"}, "x: .metadata.extra: field not declared in schema", 1},
		{"one of one", apply, "metadata: {name: a, extra: y}", ".metadata", []string{"name"}, "x: .metadata.extra: field not declared in schema", 1},
		{"at the top", apply, "{kind: A, b: 1, a: 2}", "", []string{"kind"}, "x: .a: field not declared in schema", 1},
		{"in an item of a list", apply, `spec: {list: [{name: a, port: 80, top: 1}, {name: b, port: 80, more: 1, extra: 2}]}`, `.spec.list[name="b",port=80]`, []string{"name", "port"},
			`x: .spec.list[name="b",port=80].extra: field not declared in schema`, 1},
		{"where the path leads elsewhere it stays", apply, "spec: {only: 1}", ".status", nil, "x: .status.lone: field not declared in schema", 1},
		{"another patch stays", "application/merge-patch+json", "spec: {lone: 1}", ".status", nil, "x: .status.lone: field not declared in schema", 1},
	}
	for _, test := range tests {
		for range 10 { // the server looks in the order of a map
			written := 0
			next := answering(func(req *http.Request) *http.Response {
				if req.URL.Query().Get("dryRun") == "" {
					written++
				}
				sent, err := io.ReadAll(req.Body)
				if err != nil {
					t.Fatal(err)
				}
				return refusal(t, unknownField(t, sent, test.path, test.declared))
			})
			req := httptest.NewRequest(http.MethodPatch, "/api/v1/namespaces/default/configmaps/a?fieldManager=x", strings.NewReader(test.sent))
			req.Header.Set("Content-Type", test.contentType)
			resp, err := undeclared{next}.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			var got metav1.Status
			if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, got.Message); d != "" {
				t.Fatalf("%s (-want +got):\n%s", test.reason, d)
			}
			if written != test.written {
				t.Fatalf("%s: %d requests that write, want %d", test.reason, written, test.written)
			}
		}
	}
}

// unknownField is a field of a mapping that is not declared, whichever comes
// first, and empty for none.
func unknownField(t *testing.T, sent []byte, path string, declared []string) string {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal(sent, &object); err != nil {
		t.Fatal(err)
	}
	mapping := within(object, path)
	for name := range mapping {
		if !strings.Contains(" "+strings.Join(declared, " ")+" ", " "+name+" ") {
			return path + "." + name
		}
	}
	if mapping == nil {
		return path + ".lone"
	}
	return ""
}

func refusal(t *testing.T, field string) *http.Response {
	t.Helper()
	if field == "" {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}
	}
	body, err := json.Marshal(metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: "x: " + field + ": field not declared in schema"})
	if err != nil {
		t.Fatal(err)
	}
	return &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}
}
