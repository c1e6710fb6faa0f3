package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// listAPIServices names the aggregated APIs whose servers do not run.
func (r *replay) listAPIServices(ctx context.Context) error {
	if !r.recorder.aggregates() {
		return nil // those that are there are the server's own
	}
	now := r.recorder.definitions()
	if r.listed == now {
		return nil
	}
	r.listed = now
	for _, u := range r.cluster.survey(ctx, schema.GroupKind{Group: "apiregistration.k8s.io", Kind: "APIService"}) {
		if _, ok, _ := unstructured.NestedMap(u.Object, "spec", "service"); ok {
			r.tell(unservedAPIs, "APIService/"+u.GetName())
		}
	}
	return nil
}

// neutralised lists the CRDs that lost their conversion webhook.
func (r *recorder) neutralised() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.conversions...)
}

// neutralise takes the conversion webhook out of a CRD that is about to be
// written, so that objects of its older versions can be read.
func (r *recorder) neutralise(req *http.Request) {
	q, ok := parseRequest(req.URL.Path)
	if !r.neutral || !ok || q.resource != "customresourcedefinitions" || req.Body == nil {
		return
	}
	body, err := io.ReadAll(req.Body)
	req.Body.Close()
	if err == nil {
		body = r.withoutConversion(body)
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.ContentLength = int64(len(body))
}

func (r *recorder) withoutConversion(body []byte) []byte {
	var crd map[string]any
	if json.Unmarshal(body, &crd) != nil {
		return body
	}
	if strategy, _, _ := unstructured.NestedString(crd, "spec", "conversion", "strategy"); strategy != "Webhook" {
		return body
	}
	conversion := map[string]any{"strategy": "None"}
	if err := unstructured.SetNestedMap(crd, conversion, "spec", "conversion"); err != nil {
		return body
	}
	out, err := json.Marshal(crd)
	if err != nil {
		return body
	}
	name, _, _ := unstructured.NestedString(crd, "metadata", "name")
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, have := range r.conversions {
		if have == name {
			return out
		}
	}
	r.conversions = append(r.conversions, name)
	return out
}
