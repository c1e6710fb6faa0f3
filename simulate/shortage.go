package simulate

import (
	"context"
	"maps"
	"slices"
	"sort"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	quotas "k8s.io/apiserver/pkg/quota/v1"

	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// shortages are the quotas that limit less than the workloads ask for.
func (r *replay) shortages(ctx context.Context, trials []trial) []facts.Quota {
	if !r.opts.Emulate.Quotas || r.opts.Usage == nil {
		return nil
	}
	all := r.cluster.list(ctx, quotaKind)
	if len(all) == 0 {
		return nil
	}
	list := r.demands(ctx, trials)
	var out []facts.Quota
	for _, u := range all {
		for _, noun := range []string{"pod", "claim"} {
			s := supply{quota: u, noun: noun}
			for _, d := range list {
				if d.workload.GetNamespace() == u.GetNamespace() && d.noun() == noun {
					s.add(d, r.takes(u, d.one))
				}
			}
			s.others = r.taken(ctx, s)
			if q, short := r.short(s); short {
				out = append(out, q)
			}
		}
	}
	return out
}

func (d demand) noun() string {
	if d.one.GetKind() == claimKind.Kind {
		return "claim"
	}
	return "pod"
}

// supply is a quota with what is asked of it.
type supply struct {
	quota  *unstructured.Unstructured
	noun   string
	asked  []demand
	units  []corev1.ResourceList // what one of each takes
	others corev1.ResourceList   // what is there besides
	vague  []finding.Ref         // what asks for a number that is not known
}

// add takes note of a demand that the quota counts.
func (s *supply) add(d demand, unit corev1.ResourceList) {
	switch unit = quotas.RemoveZeros(unit); {
	case len(unit) == 0:
	case d.unknown:
		s.vague = append(s.vague, d.from)
	default:
		s.asked, s.units = append(s.asked, d), append(s.units, unit)
	}
}

// taken is what the objects take of a quota that no workload asks for.
func (r *replay) taken(ctx context.Context, s supply) corev1.ResourceList {
	kind := "Pod"
	if s.noun == "claim" {
		kind = claimKind.Kind
	}
	sum := corev1.ResourceList{}
	for _, u := range r.within(ctx, schema.GroupKind{Kind: kind}, s.quota.GetNamespace()) {
		asked := slices.ContainsFunc(s.asked, func(d demand) bool { return d.makes(u) })
		if !asked && !r.stemsFromWorkload(ctx, u) {
			sum = quotas.Add(sum, r.takes(s.quota, u))
		}
	}
	return sum
}

// short says of what there is not enough.
func (r *replay) short(s supply) (facts.Quota, bool) {
	ref := render.RefOf(s.quota)
	owner := applierOf(s.quota)
	q := facts.Quota{Ref: ref, Owner: owner, Noun: s.noun, Exact: true, Uncounted: s.vague,
		At: func(pointer string) finding.Position { return r.placeOf(owner, ref, pointer) }}
	for _, d := range s.asked {
		q.Asked += d.count
	}
	q.Admitted = q.Asked
	hard, _, _ := unstructured.NestedStringMap(s.quota.Object, "spec", "hard")
	for _, name := range slices.Sorted(maps.Keys(hard)) {
		limit, err := resource.ParseQuantity(hard[name])
		if err != nil {
			continue
		}
		of := corev1.ResourceName(name)
		lack := facts.Shortage{Resource: name, Allowed: limit.String()}
		sum := s.others[of]
		if !sum.IsZero() {
			lack.Others = sum.String()
		}
		sum = sum.DeepCopy()
		for i, d := range s.asked {
			if unit, counts := s.units[i][of]; counts {
				all := unit.DeepCopy()
				all.Mul(d.count)
				sum.Add(all)
				by := applierOf(d.workload)
				lack.Terms = append(lack.Terms, facts.Term{Ref: render.RefOf(d.workload), Count: d.count, Unit: unit.String(), Pos: r.placeOf(by, d.from, d.pointer)})
			}
		}
		if len(lack.Terms) == 0 || sum.Cmp(limit) <= 0 {
			continue
		}
		lack.Sum = sum.String()
		q.Short = append(q.Short, lack)
		admitted, exact := s.admits(of, limit)
		q.Admitted, q.Exact = min(q.Admitted, admitted), q.Exact && exact
	}
	return q, len(q.Short) > 0
}

// admits is how many of what is asked for a limit admits at most: the smallest
// first. It is exact where all take the same.
func (s supply) admits(of corev1.ResourceName, limit resource.Quantity) (n int64, exact bool) {
	rest := limit.DeepCopy()
	rest.Sub(s.others[of])
	order := make([]int, len(s.asked))
	for i := range order {
		order[i] = i
	}
	size := func(i int) resource.Quantity { return s.units[i][of] }
	slices.SortStableFunc(order, func(a, b int) int {
		one, other := size(a), size(b)
		return one.Cmp(other)
	})
	first, last := size(order[0]), size(order[len(order)-1])
	for _, i := range order {
		fit := fitting(size(i), rest, s.asked[i].count)
		all := size(i)
		all.Mul(fit)
		rest.Sub(all)
		if n += fit; fit < s.asked[i].count {
			return n, first.Cmp(last) == 0
		}
	}
	return n, true
}

// fitting is how many of some units fit into what is left.
func fitting(unit, rest resource.Quantity, count int64) int64 {
	return int64(sort.Search(int(count), func(n int) bool {
		all := unit.DeepCopy()
		all.Mul(int64(n) + 1)
		return all.Cmp(rest) > 0
	}))
}
