package simulate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/render"
)

// Conditions that several controllers write.
const (
	conditionReady       = "Ready"
	conditionReconciling = "Reconciling"
	conditionStalled     = "Stalled"
	conditionHealthy     = "Healthy"
)

// status is the status of a Flux object while its controller works on it.
type status struct {
	live       *unstructured.Unstructured
	generation int64          // that the controller works on, even when a newer one arrives meanwhile
	fields     map[string]any // all but conditions
	conditions map[string]render.Condition
}

// statusOf reads the status that the server holds.
func statusOf(live *unstructured.Unstructured) *status {
	s := &status{live: live, generation: live.GetGeneration(), fields: map[string]any{}, conditions: map[string]render.Condition{}}
	fields, _, _ := unstructured.NestedMap(live.Object, "status")
	for k, v := range fields {
		if k != "conditions" {
			s.fields[k] = v
		}
	}
	list, _ := fields["conditions"].([]any)
	for _, item := range list {
		m, _ := item.(map[string]any)
		kind, _ := m["type"].(string)
		s.conditions[kind] = render.Condition{Status: text(m["status"]), Reason: text(m["reason"]), Message: text(m["message"])}
	}
	return s
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// longestMessage is how long the message of a condition may be, in bytes.
const longestMessage = 32768

// set sets a condition. The server refuses longer messages, so the controllers
// cannot write them, and go on trying; here the beginning is kept.
func (s *status) set(kind, value, reason, message string) {
	if len(message) > longestMessage {
		message = strings.ToValidUTF8(message[:longestMessage], "")
	}
	s.conditions[kind] = render.Condition{Status: value, Reason: reason, Message: message}
}

func (s *status) drop(kinds ...string) {
	for _, k := range kinds {
		delete(s.conditions, k)
	}
}

func (s *status) is(kind, value string) bool { return s.conditions[kind].Status == value }

func (s *status) ready() render.Condition { return s.conditions[conditionReady] }

func (s *status) text(field string) string { return text(s.fields[field]) }

func (s *status) observe() { s.fields["observedGeneration"] = s.generation }

// observed reports whether the controller is done with the present spec.
func (s *status) observed() bool {
	n, _ := s.fields["observedGeneration"].(int64)
	return n == s.generation
}

// fail marks the object as not ready, to be tried again.
func (s *status) fail(reason, message string) {
	s.set(conditionReady, "False", reason, message)
	s.set(conditionReconciling, "True", "ProgressingWithRetry", "Reconciliation failed, to be retried")
	s.drop(conditionStalled)
}

// stall marks the object as not ready for good.
func (s *status) stall(reason, message string) {
	s.set(conditionReady, "False", reason, message)
	s.set(conditionStalled, "True", reason, message)
	s.drop(conditionReconciling)
	s.observe()
}

// succeed marks the object as ready.
func (s *status) succeed(reason, message string) {
	s.set(conditionReady, "True", reason, message)
	s.drop(conditionReconciling, conditionStalled)
	s.observe()
}

// object is the status as the API server takes it.
func (s *status) object() map[string]any {
	out := map[string]any{}
	for k, v := range s.fields {
		out[k] = v
	}
	var kinds []string
	for k := range s.conditions {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	var list []any
	for _, k := range kinds {
		c := s.conditions[k]
		list = append(list, map[string]any{
			"type": k, "status": c.Status, "reason": c.Reason, "message": c.Message,
			"lastTransitionTime": epoch, "observedGeneration": s.generation,
		})
	}
	if list != nil {
		out["conditions"] = list
	}
	return out
}

// named lists the conditions that a user should see beside Ready.
func (s *status) named() []NamedCondition {
	var out []NamedCondition
	for k, c := range s.conditions {
		if k != conditionReady && k != conditionReconciling {
			out = append(out, NamedCondition{Type: k, Condition: c})
		}
	}
	slices.SortFunc(out, func(a, b NamedCondition) int { return cmp.Compare(a.Type, b.Type) })
	return out
}

// commit writes the status if it differs from what the server holds. An object
// that is gone by now is no error.
func (c *cluster) commit(ctx context.Context, s *status) error {
	k, _ := kindOf(render.RefOf(s.live))
	want := s.object()
	if have, _, _ := unstructured.NestedMap(s.live.Object, "status"); equality.Semantic.DeepEqual(have, want) {
		return nil
	}
	u := s.live.DeepCopy()
	u.Object["status"] = want
	var err error
	if k.GroupKind == externalKind {
		err = c.applyStatus(ctx, u, k)
	} else {
		err = c.plain.Status().Patch(ctx, u, client.MergeFrom(s.live), client.FieldOwner(k.statusManager))
	}
	if absent(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the status of %s: %w", render.RefOf(s.live), err)
	}
	s.live.Object = u.Object
	return nil
}

func (c *cluster) applyStatus(ctx context.Context, u *unstructured.Unstructured, k fluxKind) error {
	part := &unstructured.Unstructured{Object: map[string]any{"status": u.Object["status"]}}
	part.SetGroupVersionKind(u.GroupVersionKind())
	part.SetNamespace(u.GetNamespace())
	part.SetName(u.GetName())
	//lint:ignore SA1019 a patch leaves what the server made of the object in it
	err := c.plain.Status().Patch(ctx, part, client.Apply, client.FieldOwner(k.statusManager), client.ForceOwnership)
	u.Object = part.Object
	return err
}

// hold adds the finalizer of the object's controller.
func (c *cluster) hold(ctx context.Context, u *unstructured.Unstructured) error {
	k, _ := kindOf(render.RefOf(u))
	if k.finalizer == "" || slices.Contains(u.GetFinalizers(), k.finalizer) {
		return nil
	}
	return c.setFinalizers(ctx, u, append(u.GetFinalizers(), k.finalizer))
}

// release removes the finalizer of the object's controller.
func (c *cluster) release(ctx context.Context, u *unstructured.Unstructured) error {
	k, _ := kindOf(render.RefOf(u))
	if !slices.Contains(u.GetFinalizers(), k.finalizer) {
		return nil
	}
	return c.setFinalizers(ctx, u, slices.DeleteFunc(u.GetFinalizers(), func(f string) bool { return f == k.finalizer }))
}

func (c *cluster) setFinalizers(ctx context.Context, u *unstructured.Unstructured, list []string) error {
	k, _ := kindOf(render.RefOf(u))
	changed := u.DeepCopy()
	changed.SetFinalizers(list)
	err := c.plain.Patch(ctx, changed, client.MergeFrom(u), client.FieldOwner(k.finalizerManager))
	if absent(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the finalizers of %s: %w", render.RefOf(u), err)
	}
	u.Object = changed.Object
	return nil
}
