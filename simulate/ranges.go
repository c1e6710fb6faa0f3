package simulate

import (
	"fmt"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// The node ports of a cluster whose API server is not told otherwise. The one
// here takes all, as nothing in a repository tells those of its cluster.
const (
	firstNodePort = 30000
	lastNodePort  = 32767
)

// beyondRanges are the Services of the step that not every cluster takes.
func (r *replay) beyondRanges() []facts.Notice {
	var out []facts.Notice
	for _, o := range r.step.observed {
		declared := r.renderedBy(o.Owner, o.Ref)
		if groupKind(o.Ref) != serviceKind || o.After == nil || declared == nil {
			continue
		}
		before := demanding(o.Before)
		for _, d := range demanding(declared.Object) {
			if d.port && r.opts.NodePortsKnown || slices.ContainsFunc(before, func(had demandingField) bool { return had.text == d.text }) {
				continue
			}
			n := r.notice(o.Owner, o.Ref, d.text)
			n.Field, n.Check = d.pointer, d.check
			out = append(out, n)
		}
	}
	return out
}

// demandingField is a field of a Service that only some clusters can give.
type demandingField struct {
	pointer, text, check string
	port                 bool
}

func demanding(service map[string]any) []demandingField {
	var out []demandingField
	ports, _, _ := unstructured.NestedSlice(service, "spec", "ports")
	for i, p := range ports {
		m, _ := p.(map[string]any)
		if port, ok := m["nodePort"].(int64); ok && port > 0 && (port < firstNodePort || port > lastNodePort) {
			out = append(out, demandingField{
				pointer: finding.Pointer("spec", "ports", strconv.Itoa(i), "nodePort"), port: true,
				text: fmt.Sprintf("is refused by a cluster whose node ports are %d-%d, as they are by default: it asks for %d", firstNodePort, lastNodePort, port),
				check: fmt.Sprintf("name a port of %d-%d, or see that the API server of the cluster has this one in its --service-node-port-range,"+
					" and name that as nodePortRange in the file of --config", firstNodePort, lastNodePort),
			})
		}
	}
	policy, _, _ := unstructured.NestedString(service, "spec", "ipFamilyPolicy")
	families, _, _ := unstructured.NestedStringSlice(service, "spec", "ipFamilies")
	switch {
	case policy == "RequireDualStack":
		out = append(out, demandingField{pointer: "/spec/ipFamilyPolicy",
			text:  "is refused by a cluster whose Services have addresses of one family only: it asks for two",
			check: "see that the Services of the cluster have addresses of both families, or ask for PreferDualStack"})
	case len(families) > 0 && families[0] == "IPv6":
		out = append(out, demandingField{pointer: "/spec/ipFamilies",
			text:  "is refused by a cluster whose Services have no IPv6 addresses: it asks for one",
			check: "see that the Services of the cluster have IPv6 addresses"})
	}
	return out
}
