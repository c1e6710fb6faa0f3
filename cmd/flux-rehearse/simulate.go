package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/report"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
	"github.com/flux-rehearse/flux-rehearse/schemas"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/controlplane"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

// notSimulated is said in every report: a replay is silent about these.
var notSimulated = []string{
	"whether workloads become ready: health is assumed after a successful apply",
	"admission and conversion webhooks: their pods do not run",
	"controllers other than those of Flux: what they would make of the objects",
	"what the cluster holds besides the repository, unless a file gives it",
}

// The values of --missing-crds.
const (
	missingAccept = "accept"
	missingFail   = "fail"
)

// bareServer is the environment of a rehearsal in which nothing is imitated.
const bareServer = "server"

type simulation struct {
	base, baseMap, stateDir, failOn, missingCRDs string
	live                                         []string
}

func newSimulate(opt *options) *cobra.Command {
	var s simulation
	cmd := &cobra.Command{
		Use:   "simulate [PATH]",
		Short: "Replay reconciliation on a real API server and show what changes",
		Long: `simulate starts an API server of its own and replays on it what the Flux
controllers would do with the repository: from an empty cluster, or with --base
first the base revision and then the folder as it is.`,
		Example: `  flux-rehearse simulate --base origin/main
  flux-rehearse simulate --base main --cluster production -o json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSimulate(cmd.Context(), opt, s) },
	}
	opt.shared(cmd)
	opt.formats(cmd)
	f := cmd.Flags()
	f.StringVar(&s.base, "base", "", "git `revision` that the clusters run now")
	f.StringVar(&s.baseMap, "base-source-map", "", "source map `file` of the base revision, when it differs from --source-map")
	f.StringVar(&s.failOn, "fail-on", "changes", "exit with 1 for `what`: changes, or failures only")
	f.StringSliceVar(&s.live, "live", nil, "`file` with objects that the cluster holds now, such as kubectl get -o yaml prints (repeatable)")
	f.StringVar(&s.missingCRDs, "missing-crds", missingAccept, "custom `resources` whose definition nobody ships: accept them as they are, or fail as the API server does")
	completes(cmd, "fail-on", "changes", "failures")
	completes(cmd, "missing-crds", missingAccept, missingFail)
	f.StringVar(&s.stateDir, "state-dir", "", "write what each cluster holds after each step into this `folder`")
	return cmd
}

// check looks at what the user has typed.
func (s simulation) check() error {
	if s.failOn != "changes" && s.failOn != "failures" {
		return usagef("--fail-on must be changes or failures, got %q", s.failOn)
	}
	if s.missingCRDs != missingAccept && s.missingCRDs != missingFail {
		return usagef("--missing-crds must be %s or %s, got %q", missingAccept, missingFail, s.missingCRDs)
	}
	if s.base == "" && s.baseMap != "" {
		return usagef("--base-source-map %s is about a base revision: name it with --base", s.baseMap)
	}
	return nil
}

func runSimulate(ctx context.Context, opt *options, s simulation) error {
	if err := s.check(); err != nil {
		return err
	}
	p, err := openProject(opt)
	if err != nil {
		return err
	}
	defer p.close()
	if p.live, err = liveObjects(s.live, opt.path); err != nil {
		return err
	}
	bar := startProgress(opt, "read the repository")
	defer bar.stop()
	head, base, err := p.revisions(ctx, s)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	early, needless := context.WithCancelCause(ctx)
	planes := p.bootAll(ctx, len(head.clusters), needless)
	defer func() {
		cancel() // a plane that still starts need not
		planes.discard()
	}()
	p.rendered = planes.ahead(early, s, head, base)
	for _, r := range []*revision{base, head} {
		if err := p.render(early, r); err != nil {
			return cmp.Or(context.Cause(early), err)
		}
	}
	rep := newReport(v1.Simulate, head, base)
	rep.NotSimulated = notSimulated
	replays := make([]replay, len(head.clusters))
	for i, c := range head.clusters {
		replays[i] = replay{project: p, simulation: s, head: c, base: match(base, c.entry.Name)}
	}
	if err := planes.play(ctx, replays, func(ctx context.Context, i int, r replay) error { return r.run(ctx, bar, &rep.Clusters[i]) }); err != nil {
		return err
	}
	bar.stop()
	rep.Findings = p.causes(head, unserved(rep))
	rep.ExitCode = verdict(rep, s.failOn)
	if err := ctx.Err(); err != nil { // while the API servers were stopped
		return err
	}
	opt.exit = rep.ExitCode
	return opt.write(rep, head.tree)
}

// revisions opens head, and base where the user names one.
func (p *project) revisions(ctx context.Context, s simulation) (head, base *revision, err error) {
	if s.base != "" {
		sourceMap := s.baseMap
		if sourceMap == "" {
			sourceMap = p.opt.sourceMap
		}
		if base, err = p.at(ctx, s.base, sourceMap); err != nil {
			return nil, nil, err
		}
	}
	head, err = p.head(ctx, base)
	return head, base, err
}

// causes are the findings that say why Flux objects of head do not render, and
// why the server does not know a kind: the replay knows the verdict, the rules
// know the line to edit.
func (p *project) causes(head *revision, unserved map[finding.Ref]bool) []finding.Finding {
	failed := map[finding.Ref]bool{}
	for _, c := range head.clusters {
		for _, out := range c.world.Outcomes {
			if out.State == render.Failed {
				failed[out.Object.Ref()] = true
			}
		}
	}
	if len(failed)+len(unserved) == 0 {
		return nil
	}
	var out []finding.Finding
	for _, f := range validate.Run(p.validation(head)) {
		owner := f.Object
		if n := len(f.Chain); n > 0 && !failed[owner] {
			owner = f.Chain[n-1]
		}
		if f.Severity == finding.Error && (failed[owner] || unserved[f.Object]) {
			out = append(out, f)
		}
	}
	return out
}

// unserved are the objects that the server refuses in the last step without
// saying more than that it does not find them.
func unserved(rep report.Report) map[finding.Ref]bool {
	out := map[finding.Ref]bool{}
	for _, c := range rep.Clusters {
		if len(c.Steps) == 0 {
			continue
		}
		for _, ch := range c.Steps[len(c.Steps)-1].Changes {
			if ch.Error != nil && ch.Error.Reason == "NotFound" {
				out[ch.Object] = true
			}
		}
	}
	return out
}

func match(r *revision, name string) *cluster {
	if r == nil {
		return nil
	}
	for _, c := range r.clusters {
		if c.entry.Name == name {
			return c
		}
	}
	return nil
}

// replay is the simulation of one cluster.
type replay struct {
	*project
	simulation
	head, base *cluster
	plane      *controlplane.Plane
	ahead      *simulate.Ahead // what is defined on the plane, nil for nothing
}

func (r replay) run(ctx context.Context, bar *progress, out *v1.Cluster) error {
	o, err := r.options(bar)
	if err != nil {
		return err
	}
	if r.ahead != nil && !r.ahead.Fits(o) {
		return r.anew(ctx, bar, out)
	}
	o.Ahead = r.ahead
	result, err := r.played(ctx, o)
	if err != nil {
		return err
	}
	if err := r.otherOrder(ctx, o, result.Steps); err != nil {
		return err
	}
	for _, s := range result.Steps {
		out.Steps = append(out.Steps, step(s))
		out.Assumptions = append(out.Assumptions, assumptions(s.Assumed)...)
	}
	if n := len(result.Steps); n > 0 {
		out.Coverage = replayed(result.Steps[n-1], r.head.world)
	}
	if v := r.plane.Version(); !v.Embedded {
		out.KubernetesVersion = v.Kubernetes
	}
	if r.stateDir != "" {
		return writeStates(r.stateDir, r.head.entry.Name, result)
	}
	return nil
}

func (r replay) options(bar *progress) (simulate.Options, error) {
	first := r.head
	if r.base != nil {
		first = r.base
	}
	o := r.before(first)
	o.Config, o.Produced, o.NodePortsKnown = r.plane.Config(), render.ProducedBy, r.config.NodePortRange != ""
	o.Releases, o.Usage, o.Cache, o.Suggest, o.States = releases(), controlplane.Usage, r.cache, r.head.suggestion, r.stateDir != ""
	o.Progress = func(m string) { bar.say(r.head.entry.Name + ": " + m) }
	if !r.head.settings.Complete && r.missingCRDs == missingAccept {
		o.Placeholders = placeholders(plainObjects(r.project.live), r.base, r.head)
	}
	o.Steps = append(o.Steps, r.step("base", first))
	if r.base != nil {
		head := r.step("head", r.head)
		if upgradesFlux(r.base, r.head) {
			head.FluxCRDs = r.head.fluxCRDs()
		}
		if err := r.edits(&head); err != nil {
			return o, err
		}
		head.Resync = r.base.tree.Commit() == r.head.tree.Commit() && r.head.revision.commit == ""
		o.Steps = append(o.Steps, head)
	}
	if r.config.Rehearsal.Resync {
		again := r.step("resync", r.head)
		again.Resync = true
		o.Steps = append(o.Steps, again)
	}
	return o, nil
}

// fluxCRDs are the CRDs of the Flux that the cluster runs: where what the
// cluster does not hold does not exist, only those of the controllers that are
// replayed.
func (c *cluster) fluxCRDs() []*unstructured.Unstructured {
	operated := c.entry.Found == repo.FoundInstance || slices.ContainsFunc(c.world.Outcomes, func(o *render.Outcome) bool {
		return o.Object.Ref().Kind == "FluxInstance"
	})
	if operated {
		return c.catalog.OperatedFluxCRDs()
	}
	all := c.catalog.FluxCRDs()
	if !c.settings.Complete {
		return all
	}
	return slices.DeleteFunc(all, func(crd *unstructured.Unstructured) bool {
		group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
		return !slices.Contains(replayedGroups, group)
	})
}

// replayedGroups are the API groups of the controllers that are replayed.
var replayedGroups = []string{
	"kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io", "source.toolkit.fluxcd.io", "source.extensions.fluxcd.io",
}

// upgradesFlux reports whether head runs another Flux than base, whose CRDs no
// Kustomization brings.
func upgradesFlux(base, head *cluster) bool {
	brought := slices.ContainsFunc(crds(head.world), func(u *unstructured.Unstructured) bool {
		return u.GetName() == "kustomizations.kustomize.toolkit.fluxcd.io"
	})
	return base.versionKnown && head.versionKnown && base.settings.FluxVersion != head.settings.FluxVersion && !brought
}

// edits are what others do to the cluster between base and head.
func (r replay) edits(head *simulate.StepInput) error {
	objects, err := r.config.objects(r.config.Rehearsal.BeforeHead.Apply)
	if err != nil {
		return err
	}
	for _, u := range plainObjects(objects) {
		e := simulate.Edit{Object: u, Manager: "kubectl-edit"}
		for _, m := range u.GetManagedFields() {
			e.Manager = m.Manager
		}
		head.Apply = append(head.Apply, e)
	}
	for _, k := range r.config.Rehearsal.BeforeHead.Delete {
		head.Delete = append(head.Delete, simulate.Edit{Object: k.object()})
	}
	return nil
}

func (r replay) environment() simulate.Emulate {
	e := simulate.RealCluster()
	if r.config.Rehearsal.Environment == bareServer {
		e = simulate.Emulate{Namespaces: true}
	}
	if w := r.config.Rehearsal.Workloads; w != "" {
		e.AssumeReady = w == "ready"
	}
	e.NeverReady = r.config.Rehearsal.NeverReady
	return e
}

func (r replay) step(name string, c *cluster) simulate.StepInput {
	return simulate.StepInput{Name: name, Entry: c.entry, Sources: c.sources, Settings: c.settings, Renderers: c.revision.renderers}
}

// verdict is 1 when the last step ends in a failure that base does not have in
// the same way, or when it changes anything and changes count.
func verdict(rep report.Report, failOn string) int {
	quiet := []diff.Action{diff.Unchanged, diff.Skip, diff.Fail, diff.Blocked}
	for _, c := range rep.Clusters {
		if report.NewFailures(c) > 0 {
			return exitFindings
		}
		if n := len(c.Steps); n > 0 && failOn == "changes" && slices.ContainsFunc(c.Steps[n-1].Changes, func(ch diff.Change) bool { return !slices.Contains(quiet, ch.Action) }) {
			return exitFindings
		}
	}
	return exitClean
}

// suggestion is the field that is likely meant by one that the kind of an object
// does not have.
func (c *cluster) suggestion(object map[string]any, pointer string) string {
	for _, v := range c.catalog.Validate(object) {
		if v.Kind == schemas.KindUnknownField && v.Pointer == pointer {
			return v.Suggestion
		}
	}
	return ""
}
