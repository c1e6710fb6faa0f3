package facts

import (
	"testing"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

func TestQuotaShort(t *testing.T) {
	at := func(line int) finding.Position { return finding.Position{File: "web.yaml", Line: line, Col: 3} }
	deployment := func(name string) finding.Ref {
		return finding.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: name}
	}
	one := Quota{Ref: finding.Ref{Kind: "ResourceQuota", Namespace: "shop", Name: "compute"}, Noun: "pod", Admitted: 3, Exact: true, Asked: 5,
		Short: []Shortage{{Resource: "limits.cpu", Allowed: "2", Sum: "2500m", Terms: []Term{{deployment("web"), 5, "500m", at(4)}}}}}
	check(t, "one workload", Step{Quotas: []Quota{one}}, want{"quota-short", finding.Warning, "ResourceQuota/shop/compute", "/spec/hard/limits.cpu",
		"admits 3 of the 5 pods that the workloads of its namespace ask for: 5 × 500m for Deployment/shop/web = 2500m of limits.cpu, and the limit is 2"})
	f := Of(Step{Quotas: []Quota{one}})[0]
	if f.Pos != at(4) {
		t.Errorf("a quota that is not in the repository is told of at what asks for too much, not at %v", f.Pos)
	}
	if f.Check != "raise the limit, or lower what is asked for at web.yaml:4" {
		t.Errorf("the lines to change: %q", f.Check)
	}

	two := one
	two.Exact = false
	two.Uncounted = []finding.Ref{{Group: "apps", Kind: "DaemonSet", Namespace: "shop", Name: "agent"}}
	two.Short = append([]Shortage{{Resource: "count/pods", Allowed: "4", Sum: "6", Others: "1", Terms: []Term{{deployment("web"), 5, "1", at(4)}}}}, one.Short...)
	two.Short[1].Terms = append(two.Short[1].Terms, Term{deployment("api"), 1, "1", at(9)})
	two.At = func(string) finding.Position { return finding.Position{File: "quota.yaml", Line: 2} }
	check(t, "several resources, what is there besides, and a number that is not known", Step{Quotas: []Quota{two}},
		want{"quota-short", finding.Warning, "ResourceQuota/shop/compute", "/spec/hard/count~1pods",
			"admits at most 3 of the 5 pods that the workloads of its namespace ask for: 5 × 1 for Deployment/shop/web + 1 for what is there besides = 6 of count/pods, and the limit is 4; " +
				"5 × 500m for Deployment/shop/web + 1 × 1 for Deployment/shop/api = 2500m of limits.cpu, and the limit is 2; how many pods DaemonSet/shop/agent has is not known, and not counted"})
}
