package simulate

import (
	"context"
	"errors"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// pulse notes when the server cannot be reached.
type pulse struct {
	recorder *recorder
	next     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (p pulse) RoundTrip(req *http.Request) (*http.Response, error) {
	if p.recorder.neutral {
		req = req.Clone(req.Context())
		p.recorder.neutralise(req)
	}
	if known := p.recorder.seen.answer(req); known != nil {
		return known, nil
	}
	r, ok := parseRequest(req.URL.Path)
	dry := req.URL.Query().Has("dryRun")
	if req.Method == http.MethodPost && !dry {
		r.name = nameOf(req, r)
	}
	if req.Method != http.MethodGet && !dry {
		p.recorder.seen.touch(req.Method, r, ok)
	}
	at := p.recorder.seen.now(r)
	resp, err := p.next.RoundTrip(req)
	if req.Method != http.MethodGet && !dry {
		p.recorder.counts(req)
		// Who has read it meanwhile has read it before or after.
		p.recorder.seen.touch(req.Method, r, ok)
		at = p.recorder.seen.now(r)
		if ok && req.Method != http.MethodDelete && r.subobject != "status" {
			p.recorder.news.add(r)
		}
		if err == nil {
			err = p.recorder.learns(req, resp)
		}
	}
	if err == nil && !dry {
		err = p.recorder.seen.see(r, req, resp, at)
	}
	if err != nil {
		resp = nil
	}
	if err != nil && req.Context().Err() == nil && !errors.Is(err, context.Canceled) {
		p.recorder.mu.Lock()
		p.recorder.dead = err
		p.recorder.mu.Unlock()
	}
	return resp, err
}

// counts notes a request that may change something.
func (r *recorder) counts(req *http.Request) {
	q, ok := parseRequest(req.URL.Path)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if ok {
		r.sent[schema.GroupResource{Group: q.group, Resource: q.resource}]++
	}
	switch q.resource {
	case "customresourcedefinitions":
		r.removed = r.removed || req.Method == http.MethodDelete
		r.written[q.name]++
		fallthrough
	case "apiservices":
		r.crds++
	}
}
