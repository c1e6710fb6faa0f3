package facts

import (
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var hostMoved = Kind{
	ID: "host-moved", Severity: finding.Warning,
	Summary: "the requests for a host go to another object than before",
	Why: `Ingresses, HTTPRoutes and Gateways are applied before others are pruned, or the other way round when two owners share them. In between
both claim the host, or nobody does: certificates, addresses and DNS records follow late, and some controllers refuse a host that is still taken.`,
	Check: "see that the new one serves all that the old one did, certificate and address included",
	find:  findHostMoved,
}

// claimed is what objects claim of hosts: paths by object, host by host.
type claimed map[string]map[finding.Ref][]route

func (c claimed) add(obj map[string]any) {
	ref := refOf(obj)
	for _, r := range routesOf(ref, obj) {
		if c[r.host] == nil {
			c[r.host] = map[finding.Ref][]route{}
		}
		c[r.host][ref] = append(c[r.host][ref], r)
	}
}

func findHostMoved(s Step) []finding.Fact {
	was, is := claimed{}, claimed{}
	touched := map[finding.Ref]bool{}
	for _, o := range s.Objects {
		if Routes(o.Ref.Group, o.Ref.Kind) {
			touched[o.Ref] = true
			was.add(o.Before)
		}
	}
	for _, obj := range s.Routes {
		if is.add(obj); !touched[refOf(obj)] {
			was.add(obj)
		}
	}
	var out []finding.Fact
	for _, host := range sortedKeys(is) {
		for _, to := range sortedRefs(is[host]) {
			if f, ok := s.takes(was[host], is[host], to); ok {
				out = append(out, f)
			}
		}
	}
	return out
}

// takes says which claims to a host an object has taken over from others.
func (s Step) takes(was, is map[finding.Ref][]route, to finding.Ref) (finding.Fact, bool) {
	var paths []string
	var from []finding.Ref
	pointer := ""
	for _, r := range is[to] {
		if holds(was[to], r) {
			continue
		}
		for _, had := range sortedRefs(was) {
			if had != to && had.Kind != "Gateway" == (to.Kind != "Gateway") && holds(was[had], r) && !holds(is[had], r) {
				paths, from = append(paths, r.path), append(from, had)
				if pointer == "" {
					pointer = r.pointer
				}
			}
		}
	}
	if len(from) == 0 {
		return finding.Fact{}, false
	}
	slices.SortFunc(from, finding.Ref.Compare)
	from = slices.Compact(from)
	slices.Sort(paths)
	host := is[to][0].host
	f := finding.Fact{Object: to, Field: pointer, Others: from, Message: "serves " + host + " (" + strings.Join(slices.Compact(paths), ", ") + ") from now on, instead of " + from[0].String()}
	f.Owner, f.Pos = s.placed(to, pointer)
	return f, true
}

func holds(list []route, r route) bool {
	return slices.ContainsFunc(list, func(had route) bool { return had.path == r.path })
}
