// Package validate looks at a Tree and the Worlds rendered from it with rules,
// and reports findings. It changes nothing. A Rule is a value that carries its
// own documentation; the rules themselves are in validate/rules.
package validate

import (
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/schemas"
)

// Reads says what a rule looks at.
type Reads string

// What rules read. A rule that reads a World runs once per cluster, one that
// reads the Tree runs once.
const (
	ReadsTree  Reads = "tree"
	ReadsWorld Reads = "world"
)

// Rule is one check with its documentation.
type Rule struct {
	ID       string           // category/slug, the path of its file and of its fixtures; never reused
	Severity finding.Severity // of what it reports, unless the check says otherwise
	Summary  string           // one line: what is reported
	Why      string           // what happens in the cluster
	Fix      string           // what to type
	Since    string           // version of the program that has it first
	Reads    Reads
	Check    func(*Pass)
}

// Pass is what a rule sees. World, Catalog and Cluster are set for rules that
// read a World only.
type Pass struct {
	Rule    Rule
	Tree    *repo.Tree
	Worlds  []*render.World
	World   *render.World
	Catalog *schemas.Catalog
	Cluster string

	findings *[]finding.Finding
}

// Report adds a finding. Rule, severity and cluster are filled in where empty.
func (p *Pass) Report(f finding.Finding) {
	if f.Rule == "" {
		f.Rule = p.Rule.ID
	}
	if f.Severity == "" {
		f.Severity = p.Rule.Severity
	}
	if f.Cluster == "" {
		f.Cluster = p.Cluster
	}
	if f.Hint == "" {
		f.Hint = p.Rule.Fix
	}
	*p.findings = append(*p.findings, f)
}

// ReportAt adds a finding about a field of a rendered object: place and chain
// are those of the object. Pointer is a JSON pointer.
func (p *Pass) ReportAt(o *render.Object, pointer, message string) {
	p.Report(finding.Finding{Object: o.Ref(), Field: pointer, Pos: o.At(pointer), Message: message, Chain: o.Chain()})
}

// Lift makes a finding of each Problem with one of the reasons that an engine
// stated about the outcomes of the World.
func (p *Pass) Lift(reasons ...string) {
	for _, s := range p.Stated(reasons...) {
		p.Report(FromProblem(s.Problem, s.Owner.Object))
	}
}

// Statement is a Problem and the outcome that it is about.
type Statement struct {
	Owner   *render.Outcome
	Problem finding.Problem
}

// Stated returns the Problems with one of the reasons, less those of
// suspended Flux objects and of what these keep from the cluster.
func (p *Pass) Stated(reasons ...string) []Statement {
	var out []Statement
	for _, o := range p.World.Outcomes {
		if o.State == render.Suspended || Dormant(p.World, o.Object) {
			continue
		}
		for _, problem := range o.Problems {
			if slices.Contains(reasons, problem.Reason) {
				out = append(out, Statement{o, problem})
			}
		}
	}
	return out
}

// Dormant reports whether a suspended Flux object, however far up, keeps the
// object from being applied. A suspended object itself is not dormant.
func Dormant(w *render.World, o *render.Object) bool {
	for owner := o.Origin.Owner; owner != nil; owner = owner.Origin.Owner {
		if out := w.Outcome(owner.Ref()); out != nil && out.State == render.Suspended {
			return true
		}
	}
	return false
}

// FromProblem words a Problem as a finding. Where the Problem names no object or
// place, owner is blamed.
func FromProblem(problem finding.Problem, owner *render.Object) finding.Finding {
	f := finding.Finding{
		Object: problem.Object, Field: problem.Field, Pos: problem.Pos,
		Message: problem.Message, Hint: problem.Hint, Related: problem.Related,
	}
	if owner != nil {
		f.Chain = append(owner.Chain(), owner.Ref())
		if f.Object.IsZero() || f.Object == owner.Ref() {
			f.Object, f.Chain = owner.Ref(), owner.Chain()
		}
		if f.Pos.IsZero() {
			f.Pos = owner.At(problem.Field)
		}
	}
	return f
}

// Input is what a validation runs on.
type Input struct {
	Tree     *repo.Tree
	Worlds   []*render.World
	Catalogs []*schemas.Catalog // one per World, knowing its CRDs
	Rules    []Rule
}

// Run runs all rules and returns their findings, sorted, less those that a
// comment in the repository suppresses. A finding that several clusters share,
// because it stands in files that they share, is reported once.
func Run(in Input) []finding.Finding {
	var all []finding.Finding
	for _, rule := range in.Rules {
		pass := &Pass{Rule: rule, Tree: in.Tree, Worlds: in.Worlds, findings: &all}
		if rule.Reads == ReadsTree {
			rule.Check(pass)
			continue
		}
		for i, w := range in.Worlds {
			p := *pass
			p.World, p.Catalog, p.Cluster = w, in.Catalogs[i], w.Entry.Name
			rule.Check(&p)
		}
	}
	return finding.Sort(suppress(in.Tree, share(all)))
}

// share merges findings that differ in the cluster only into one that names all.
func share(all []finding.Finding) []finding.Finding {
	first := map[finding.Ref]map[string]int{}
	var out []finding.Finding
	for _, f := range all {
		key := strings.Join([]string{f.Rule, f.Pos.String(), f.Field, f.Message}, "\x00")
		if at, ok := first[f.Object][key]; ok {
			if c := out[at].Cluster; f.Cluster != "" && !slices.Contains(strings.Split(c, ", "), f.Cluster) {
				out[at].Cluster = c + ", " + f.Cluster
			}
			continue
		}
		if first[f.Object] == nil {
			first[f.Object] = map[string]int{}
		}
		first[f.Object][key] = len(out)
		out = append(out, f)
	}
	return out
}
