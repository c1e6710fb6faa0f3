package simulate

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// instances lists the objects of the kind that a CustomResourceDefinition
// defines, which the server deletes with it.
func (t tape) instances(req *http.Request, crd map[string]any) []finding.Ref {
	group, _, _ := unstructured.NestedString(crd, "spec", "group")
	plural, _, _ := unstructured.NestedString(crd, "spec", "names", "plural")
	kind, _, _ := unstructured.NestedString(crd, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(crd, "spec", "versions")
	version := ""
	for _, item := range versions {
		if v, _ := item.(map[string]any); v["served"] == true {
			version = text(v["name"])
		}
	}
	if version == "" {
		return nil
	}
	var list struct {
		Items []struct {
			Metadata struct{ Namespace, Name string }
		}
	}
	if json.Unmarshal(t.get(req, "/apis/"+group+"/"+version+"/"+plural), &list) != nil {
		return nil
	}
	var out []finding.Ref
	for _, i := range list.Items {
		out = append(out, finding.Ref{Group: group, Kind: kind, Namespace: i.Metadata.Namespace, Name: i.Metadata.Name})
	}
	slices.SortFunc(out, finding.Ref.Compare)
	return out
}

// get returns what the server answers to an administrator at a path, nil when
// that is no object.
func (t tape) get(req *http.Request, path string) []byte {
	if body, known := t.recorder.seen.last(path); known {
		return body
	}
	resp, err := t.next.RoundTrip(asked(req, path))
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	return body
}
