package simulate

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/fluxcd/pkg/ssa"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// tally is a client of a server that answers with what it was asked before.
type tally struct {
	client.Client
	mu    sync.Mutex
	asked map[string]int
}

func (c *tally) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[what]++
}

var errRefused = errors.New("refused")

func (c *tally) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	c.count("get " + key.Name)
	o.SetName(key.Name)
	return nil
}

func (c *tally) Patch(_ context.Context, o client.Object, _ client.Patch, opts ...client.PatchOption) error {
	var with client.PatchOptions
	with.ApplyOptions(opts)
	what := "apply "
	if len(with.DryRun) > 0 {
		what = "dry "
	}
	c.count(what + o.GetName())
	if o.GetLabels()["bad"] != "" {
		return errRefused
	}
	o.SetUID("made")
	return nil
}

func withLabels(name string, labels map[string]string) *unstructured.Unstructured {
	u := made("v1", "ConfigMap", "a", name)
	u.SetLabels(labels)
	return u
}

// look does what ssa does with one object before it writes anything.
func look(t *testing.T, f *forerunner, u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	t.Helper()
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(u.GroupVersionKind())
	if err := f.Get(t.Context(), client.ObjectKeyFromObject(u), live); err != nil {
		t.Fatal(err)
	}
	dry := u.DeepCopy()
	//lint:ignore SA1019 it is what ssa sends
	err := f.Patch(t.Context(), dry, client.Apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner("m"))
	return dry, err
}

func TestForerunner(t *testing.T) {
	one, two, bad := withLabels("one", nil), withLabels("two", nil), withLabels("bad", map[string]string{"bad": "yes"})
	for _, row := range []struct {
		why     string
		objects []*unstructured.Unstructured
		do      func(*forerunner)
		want    map[string]int
	}{
		{"the first question asks about the whole stage", []*unstructured.Unstructured{one, two, bad},
			func(f *forerunner) { _, _ = look(t, f, one) },
			map[string]int{"get one": 1, "dry one": 1, "get two": 1, "dry two": 1, "get bad": 1, "dry bad": 1}},
		{"what was asked ahead is not asked again", []*unstructured.Unstructured{one, two},
			func(f *forerunner) { _, _ = look(t, f, one); _, _ = look(t, f, two) },
			map[string]int{"get one": 1, "dry one": 1, "get two": 1, "dry two": 1}},
		{"an answer is given once", []*unstructured.Unstructured{one, two},
			func(f *forerunner) { _, _ = look(t, f, one); _, _ = look(t, f, one) },
			map[string]int{"get one": 2, "dry one": 2, "get two": 1, "dry two": 1}},
		{"a write makes the answers void", []*unstructured.Unstructured{one, two},
			func(f *forerunner) {
				_, _ = look(t, f, one)
				//lint:ignore SA1019 it is what ssa sends
				_ = f.Patch(t.Context(), one.DeepCopy(), client.Apply, client.ForceOwnership, client.FieldOwner("m"))
				_, _ = look(t, f, two)
			},
			map[string]int{"get one": 1, "dry one": 1, "apply one": 1, "get two": 2, "dry two": 2}},
		{"another object of the same name is asked about itself", []*unstructured.Unstructured{one, two},
			func(f *forerunner) { _, _ = look(t, f, withLabels("two", map[string]string{"else": "yes"})) },
			map[string]int{"get one": 1, "dry one": 1, "get two": 1, "dry two": 2}},
		{"an object that comes twice is asked about twice, in order", []*unstructured.Unstructured{one, two, withLabels("two", map[string]string{"bad": "yes"})},
			func(f *forerunner) { _, _ = look(t, f, two) },
			map[string]int{"get one": 1, "dry one": 1, "get two": 1, "dry two": 1}},
		{"a stage of its own waits for its turn", []*unstructured.Unstructured{made("v1", "Namespace", "", "a"), made("v1", "Namespace", "", "b"), one, two},
			func(f *forerunner) { _, _ = look(t, f, made("v1", "Namespace", "", "a")) },
			map[string]int{"get a": 1, "dry a": 1, "get b": 1, "dry b": 1}},
	} {
		c := &tally{asked: map[string]int{}}
		f := &forerunner{Client: c, manager: "m"}
		f.expect(row.objects, ssa.ApplyOptions{})
		row.do(f)
		if d := cmp.Diff(row.want, c.asked); d != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, d)
		}
	}
}

// The answers that wait are those that the server would give.
func TestForerunnerAnswers(t *testing.T) {
	one, bad := withLabels("one", nil), withLabels("bad", map[string]string{"bad": "yes"})
	f := &forerunner{Client: &tally{asked: map[string]int{}}, manager: "m"}
	f.expect([]*unstructured.Unstructured{one, bad}, ssa.ApplyOptions{})
	if dry, err := look(t, f, one); err != nil || dry.GetUID() != "made" {
		t.Errorf("the dry run of one is answered %v (%v)", dry, err)
	}
	if _, err := look(t, f, bad); !errors.Is(err, errRefused) {
		t.Errorf("the dry run of bad is answered %v", err)
	}
}
