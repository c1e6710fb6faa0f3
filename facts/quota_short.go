package facts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var quotaShort = Kind{
	ID: "quota-short", Severity: finding.Warning,
	Summary: "a quota admits fewer pods or claims than the workloads of its namespace ask for",
	Why: `A workload is accepted whatever its number of replicas is; it is their pods that a quota counts, one after the other. Flux reports the
workload as applied, and the pods beyond the quota never come. The replay asks the API server for one pod of each workload, with what admission
adds to it, and takes that times the replicas: those of the workload, the least number of its HorizontalPodAutoscaler, the parallelism of a Job. A
CronJob counts while it runs only, and so not at all; how many pods a DaemonSet has is up to the nodes. Which pods come first is up to the cluster.`,
	Check: raise,
	find:  findQuotaShort,
}

const raise = "raise the limit, or lower what is asked for"

// Quota is a ResourceQuota that limits less than is asked for.
type Quota struct {
	Ref, Owner finding.Ref
	Noun       string // of what it admits: pod, claim
	Admitted   int64  // at most
	Exact      bool   // it admits that many whichever come first
	Asked      int64
	Short      []Shortage
	Uncounted  []finding.Ref // what asks for a number that is not known
	At         func(pointer string) finding.Position
}

// Shortage is a resource of which there is not enough.
type Shortage struct {
	Resource, Allowed, Sum string
	Others                 string // what is taken by what no workload asks for, empty for nothing
	Terms                  []Term
}

// Term is what a workload asks for.
type Term struct {
	Ref   finding.Ref
	Count int64
	Unit  string // of the resource, for one
	Pos   finding.Position
}

func findQuotaShort(s Step) []finding.Fact {
	var out []finding.Fact
	for _, q := range s.Quotas {
		most := "at most "
		if q.Exact {
			most = ""
		}
		var sums []string
		for _, short := range q.Short {
			sums = append(sums, short.sum())
		}
		f := finding.Fact{Object: q.Ref, Owner: q.Owner, Field: finding.Pointer("spec", "hard", q.Short[0].Resource), Others: q.askers(), Check: q.check(),
			Message: fmt.Sprintf("admits %s%d of the %s that the workloads of its namespace ask for: %s", most, q.Admitted, counted(int(q.Asked), q.Noun), strings.Join(sums, "; "))}
		if len(q.Uncounted) > 0 {
			f.Message += "; how many " + q.Noun + "s " + names(q.Uncounted) + " " + agree(len(q.Uncounted), "has", "have") + " is not known, and not counted"
		}
		if q.At != nil {
			f.Pos = q.At(f.Field)
		}
		if f.Pos.IsZero() {
			f.Pos = q.Short[0].Terms[0].Pos
		}
		out = append(out, f)
	}
	return out
}

// sum is the arithmetic of a resource.
func (s Shortage) sum() string {
	var parts []string
	for _, t := range s.Terms {
		parts = append(parts, fmt.Sprintf("%d × %s for %s", t.Count, t.Unit, t.Ref))
	}
	if s.Others != "" {
		parts = append(parts, s.Others+" for what is there besides")
	}
	return fmt.Sprintf("%s = %s of %s, and the limit is %s", strings.Join(parts, " + "), s.Sum, s.Resource, s.Allowed)
}

func (q Quota) askers() []finding.Ref {
	var out []finding.Ref
	for _, s := range q.Short {
		for _, t := range s.Terms {
			out = append(out, t.Ref)
		}
	}
	slices.SortFunc(out, finding.Ref.Compare)
	return slices.Compact(out)
}

// check says which lines to look at. They are no part of the message: they
// change with what stands above them.
func (q Quota) check() string {
	var at []string
	for _, s := range q.Short {
		for _, t := range s.Terms {
			if !t.Pos.IsZero() && !slices.Contains(at, line(t.Pos)) {
				at = append(at, line(t.Pos))
			}
		}
	}
	if len(at) == 0 {
		return raise
	}
	return raise + " at " + strings.Join(at, ", ")
}

func names(refs []finding.Ref) string {
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = r.String()
	}
	return strings.Join(out, ", ")
}
