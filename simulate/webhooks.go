package simulate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

const admissionGroup = "admissionregistration.k8s.io"

// shownObjects is how many objects a note names.
const shownObjects = 5

// webhook is what a mutating and a validating webhook have in common.
type webhook struct {
	Name              string                           `json:"name"`
	Rules             []admissionv1.RuleWithOperations `json:"rules"`
	FailurePolicy     string                           `json:"failurePolicy"`
	NamespaceSelector *metav1.LabelSelector            `json:"namespaceSelector"`
	ObjectSelector    *metav1.LabelSelector            `json:"objectSelector"`
	MatchConditions   []admissionv1.MatchCondition     `json:"matchConditions"`
}

// uncalled lists the webhooks that are not called, and notes those that would
// have seen something of the step.
func (r *replay) uncalled(ctx context.Context) []Webhook {
	if !r.opts.Emulate.Webhooks {
		return nil
	}
	var out []Webhook
	for _, kind := range []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"} {
		for _, u := range r.cluster.list(ctx, schema.GroupKind{Group: admissionGroup, Kind: kind}) {
			list, _, _ := unstructured.NestedSlice(u.Object, "webhooks")
			for _, item := range list {
				m, _ := item.(map[string]any)
				var w webhook
				if runtime.DefaultUnstructuredConverter.FromUnstructured(m, &w) != nil {
					w = webhook{Name: text(m["name"])}
				}
				found := r.unseen(ctx, w)
				found.Configuration = render.RefOf(u)
				if found.note() != "" {
					r.note("%s", found.note())
				}
				out = append(out, found)
			}
		}
	}
	for _, name := range r.recorder.neutralised() {
		r.tell(unconverted, "CustomResourceDefinition/"+name)
	}
	slices.SortFunc(out, func(a, b Webhook) int {
		return cmp.Or(a.Configuration.Compare(b.Configuration), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// unseen tells which objects of the step a webhook would have seen.
func (r *replay) unseen(ctx context.Context, w webhook) Webhook {
	out := Webhook{Name: w.Name, Conditional: len(w.MatchConditions) > 0, Ignored: w.FailurePolicy == string(admissionv1.Ignore)}
	for _, o := range r.step.observed {
		switch {
		case r.asks(ctx, w, o):
			out.Sees = append(out.Sees, o.Ref)
		case r.asksPods(ctx, w, o):
			out.SeesPods = append(out.SeesPods, o.Ref)
		}
	}
	slices.SortFunc(out.Sees, finding.Ref.Compare)
	slices.SortFunc(out.SeesPods, finding.Ref.Compare)
	return out
}

// note says in words what a webhook would have seen, empty for nothing.
func (w Webhook) note() string {
	var names []string
	for _, ref := range w.Sees {
		names = append(names, ref.String())
	}
	for _, ref := range w.SeesPods {
		names = append(names, "the pods of "+ref.String())
	}
	if len(names) == 0 {
		return ""
	}
	out := fmt.Sprintf("webhook %q of %s is not called: its pods do not run here; it would see %s", w.Name, w.Configuration,
		strings.Join(names[:min(len(names), shownObjects)], ", "))
	if more := len(names) - shownObjects; more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	if w.Conditional {
		out += ", as far as its conditions let it"
	}
	if w.Ignored {
		return out + ", and lets them pass where it fails"
	}
	return out + ", and refuses them where it fails"
}

// asks reports whether the server calls a webhook for what happened to an object.
func (r *replay) asks(ctx context.Context, w webhook, o facts.Object) bool {
	obj, operations := o.After, []admissionv1.OperationType{admissionv1.Update}
	switch {
	case o.After == nil && o.Before == nil, o.Ref.Group == admissionGroup, o.Action == diff.Unchanged:
		return false
	case o.After == nil:
		obj, operations[0] = o.Before, admissionv1.Delete
	case o.Before == nil:
		operations[0] = admissionv1.Create
	case uidOf(o.Before) != uidOf(o.After):
		operations = []admissionv1.OperationType{admissionv1.Delete, admissionv1.Create}
	}
	m, err := r.cluster.mapping(groupKind(o.Ref))
	if err != nil {
		return false
	}
	return r.selects(ctx, w, obj) && slices.ContainsFunc(w.Rules, func(rule admissionv1.RuleWithOperations) bool {
		return governs(rule, m.Resource.GroupResource(), o.Ref.Namespace != "") &&
			(slices.Contains(rule.Operations, admissionv1.OperationAll) ||
				slices.ContainsFunc(operations, func(op admissionv1.OperationType) bool { return slices.Contains(rule.Operations, op) }))
	})
}

// asksPods reports whether a webhook is called for the pods of a changed workload.
func (r *replay) asksPods(ctx context.Context, w webhook, o facts.Object) bool {
	pod := facts.PodOf(o.After)
	if pod == nil {
		return false
	}
	return r.asks(ctx, w, facts.Object{Ref: finding.Ref{Kind: "Pod", Namespace: o.Ref.Namespace, Name: o.Ref.Name}, After: pod})
}

// governs reports whether a rule is about a resource.
func governs(rule admissionv1.RuleWithOperations, gr schema.GroupResource, namespaced bool) bool {
	has := func(list []string, one string) bool { return slices.Contains(list, "*") || slices.Contains(list, one) }
	if rule.Scope != nil && (*rule.Scope == admissionv1.ClusterScope && namespaced || *rule.Scope == admissionv1.NamespacedScope && !namespaced) {
		return false
	}
	return has(rule.APIGroups, gr.Group) && (has(rule.Resources, gr.Resource) || slices.Contains(rule.Resources, "*/*"))
}

// selects reports whether the selectors of a webhook choose an object.
func (r *replay) selects(ctx context.Context, w webhook, obj map[string]any) bool {
	u := &unstructured.Unstructured{Object: obj}
	space := u
	if u.GroupVersionKind().GroupKind() != namespaceKind {
		space = r.cluster.read(ctx, finding.Ref{Kind: namespaceKind.Kind, Name: u.GetNamespace()})
	}
	if u.GetNamespace() == "" && u.GroupVersionKind().GroupKind() != namespaceKind {
		return chosen(w.ObjectSelector, u.GetLabels())
	}
	return chosen(w.ObjectSelector, u.GetLabels()) && (space == nil || chosen(w.NamespaceSelector, space.GetLabels()))
}

// chosen is whether a selector matches; none matches everything.
func chosen(s *metav1.LabelSelector, has map[string]string) bool {
	if s == nil {
		return true
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(labels.Set(has))
}
