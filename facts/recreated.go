package facts

import (
	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

var recreated = Kind{
	ID: "recreated", Severity: finding.Warning,
	Summary: "an object is deleted and created again",
	Why: `The object that comes back is another one. What belonged to the old one is gone: the volume of a claim, the address of a
Service, the running pods of a workload, the result of a Job. Between the two, nothing of that name exists. A release whose
name, namespace or chart becomes another one is uninstalled, and installed again.`,
	Check: "keep the fields that cannot be changed, or plan the outage",
	find:  findRecreated,
}

// loss is what the deletion of an object of a kind destroys.
type loss struct {
	group, kind string
	severity    finding.Severity
	destroys    string
}

const (
	kustomizeGroup = "kustomize.toolkit.fluxcd.io"
	helmGroup      = "helm.toolkit.fluxcd.io"
	rbacGroup      = "rbac.authorization.k8s.io"
	crdGroup       = "apiextensions.k8s.io"
	sourceGroup    = "source.toolkit.fluxcd.io"
	operatorGroup  = "fluxcd.controlplane.io"
)

var losses = []loss{
	{"", "PersistentVolumeClaim", finding.Error, "its volume and the data on it, unless the reclaim policy of the volume is \"Retain\""},
	{"", "PersistentVolume", finding.Error, "its binding: the claim that uses it is lost"},
	{"", "Namespace", finding.Error, "everything in it"},
	{crdGroup, "CustomResourceDefinition", finding.Error, "all objects of its kind"},
	{kustomizeGroup, "Kustomization", finding.Error, "everything that it has applied, unless its deletion policy keeps it"},
	{helmGroup, "HelmRelease", finding.Error, "its release: the chart is uninstalled"},
	{"apps", "StatefulSet", finding.Warning, "all its pods at once; claims of its templates stay, unless its retention policy deletes them"},
	{"apps", "Deployment", finding.Warning, "all its pods at once, before new ones start"},
	{"apps", "DaemonSet", finding.Warning, "all its pods at once, before new ones start"},
	{"batch", "Job", finding.Warning, "its result: the Job runs again"},
	{"", "Service", finding.Warning, "its addresses: a load balancer and node ports are given up and asked for anew"},
	{"", "Secret", finding.Warning, "what others wrote into it; pods that start in between wait for it"},
	{"", "ConfigMap", finding.Warning, "what others wrote into it; pods that start in between wait for it"},
	{"", "ServiceAccount", finding.Warning, "the tokens that were issued for it"},
	{"networking.k8s.io", "Ingress", finding.Warning, "its addresses; requests fail in between"},
}

func lossOf(ref finding.Ref) loss {
	for _, l := range losses {
		if l.group == ref.Group && l.kind == ref.Kind {
			return l
		}
	}
	return loss{severity: finding.Warning, destroys: "what controllers made of it"}
}

func findRecreated(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Objects {
		if o.Action != diff.Recreate {
			continue
		}
		l := lossOf(o.Ref)
		message := "is deleted and created again, which destroys " + l.destroys
		if o.Reason == "moved" {
			message = "is deleted by " + o.From.String() + " before it is created again, which destroys " + l.destroys
		}
		f := o.fact("", message)
		f.Severity = l.severity
		if o.Ref.Group == "" && o.Ref.Kind == "PersistentVolumeClaim" {
			if policy, says := s.reclaims(o.Before); policy == "Retain" {
				f.Message += "; that of " + says + " is"
				f.Severity = finding.Warning
			}
		}
		f.Others = s.goneWith(o)
		if o.Reason == "moved" {
			f.Check = movedSafely(o.From)
		}
		out = append(out, f)
	}
	return append(out, reinstalled(s)...)
}

// Destroys says in words what is lost when an object is deleted.
func Destroys(ref finding.Ref) string { return lossOf(ref).destroys }
