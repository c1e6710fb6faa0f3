package facts

import (
	"cmp"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// pods compares what the pods of a workload may do, as Pod Security judges it.
// For a new workload only what even the level "baseline" forbids counts.
func pods(o Object) []finding.Fact {
	t, ok := templateOf(o.Ref)
	if !ok {
		return nil
	}
	var out []finding.Fact
	before, after := text(t.spec(o.Before), "serviceAccountName"), text(t.spec(o.After), "serviceAccountName")
	if o.Before != nil && before != after && after != "" && after != "default" {
		f := o.fact(t.pointer("spec", "serviceAccountName"), "runs as service account "+strconv.Quote(after)+" instead of "+strconv.Quote(cmp.Or(before, "default")))
		f.From, f.To = before, after
		out = append(out, f)
	}
	levels := []api.Level{api.LevelBaseline}
	if o.Before != nil {
		levels = append(levels, api.LevelRestricted)
	}
	seen := map[[2]string]bool{}
	for _, level := range levels {
		for _, v := range violations(t.spec(o.Before), level) {
			seen[v.key()] = true
		}
		for _, v := range violations(t.spec(o.After), level) {
			if seen[v.key()] {
				continue
			}
			seen[v.key()] = true
			message := "its pods need more than the level " + strconv.Quote(string(level)) + " of Pod Security allows: " + v.reason
			if v.detail != "" {
				message += " (" + v.detail + ")"
			}
			out = append(out, o.fact(t.pointer(append([]string{"spec"}, v.pointer...)...), message))
		}
	}
	return out
}

// violation is what Pod Security forbids about one part of a pod.
type violation struct {
	part           string // "container/web", "volume/host", empty for the pod
	pointer        []string
	reason, detail string
}

func (v violation) key() [2]string { return [2]string{v.part, v.reason} }

// violations judges the pod without its containers and volumes, and then with
// each of them alone, so that each is told apart.
func violations(spec map[string]any, level api.Level) []violation {
	var pod corev1.PodSpec
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if spec == nil || err != nil || runtime.DefaultUnstructuredConverter.FromUnstructured(spec, &pod) != nil {
		return nil
	}
	var out []violation
	general := map[string]bool{}
	judge := func(p corev1.PodSpec, part string, pointer ...string) {
		for _, r := range evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: api.LatestVersion()}, &metav1.ObjectMeta{}, &p) {
			if r.Allowed || general[r.ForbiddenReason] {
				continue
			}
			general[r.ForbiddenReason] = part == ""
			out = append(out, violation{part, pointer, r.ForbiddenReason, r.ForbiddenDetail})
		}
	}
	bare := pod
	bare.Volumes, bare.InitContainers, bare.Containers, bare.EphemeralContainers = nil, nil, nil, nil
	judge(bare, "")
	for i, v := range pod.Volumes {
		p := bare
		p.Volumes = []corev1.Volume{v}
		judge(p, "volume/"+v.Name, "volumes", strconv.Itoa(i))
	}
	for i, c := range pod.InitContainers {
		p := bare
		p.InitContainers = []corev1.Container{c}
		judge(p, "initContainer/"+c.Name, "initContainers", strconv.Itoa(i))
	}
	for i, c := range pod.Containers {
		p := bare
		p.Containers = []corev1.Container{c}
		judge(p, "container/"+c.Name, "containers", strconv.Itoa(i))
	}
	return out
}
