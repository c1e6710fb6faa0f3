package simulate

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/net"

	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// warned is what the server says to a request that it carries out.
type warned struct {
	actor, ref finding.Ref
	text       string
}

// warn notes the warnings of an answer.
func (t tape) warn(ref finding.Ref, header http.Header) {
	found, _ := net.ParseWarningHeaders(header["Warning"])
	r := t.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range found {
		said := warned{t.by(), ref, w.Text}
		if !slices.Contains(r.warnings, said) {
			r.warnings = append(r.warnings, said)
		}
	}
}

// warned returns the warnings so far and forgets them.
func (r *recorder) warned() []warned {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.warnings
	r.warnings = nil
	return out
}

// warnings are what the server has said to the objects of the step.
func (r *replay) warnings() []facts.Notice {
	var out []facts.Notice
	for _, w := range r.recorder.warned() {
		n := r.notice(w.actor, w.ref, w.text)
		n.Message = "is taken with a warning: " + n.Message
		if audited := unshadowed(w.text); audited != w.text {
			n.Message = "is taken, and only the audit log tells: " + audited
		}
		out = append(out, n)
	}
	return append(out, r.beyondRanges()...)
}

// notice is what the server says to an object that an owner applies.
func (r *replay) notice(owner, ref finding.Ref, message string) facts.Notice {
	n := facts.Notice{Ref: ref, Owner: owner, Message: r.uids.message(message),
		At: func(pointer string) finding.Position { return r.placeOf(owner, ref, pointer) }}
	if field := doubted.FindStringSubmatch(message); field != nil {
		if o := r.renderedBy(owner, ref); o != nil {
			n.Field = pointerTo(o, strings.TrimSuffix(field[1]+field[2], "."))
		}
	}
	return n
}

func (r *replay) renderedBy(owner, ref finding.Ref) *render.Object {
	if m := r.memory[owner]; m != nil && m.rendered[ref] != nil {
		return m.rendered[ref]
	}
	return r.applied[ref]
}

// doubted is the field that a warning starts with, or quotes as unknown.
var doubted = regexp.MustCompile(`^(?:((?:spec|metadata|data|webhooks|rules|subjects)[^ :]*): |unknown field "([^"]+)")`)
