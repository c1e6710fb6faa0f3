package release

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/kube"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Create is that of Helm, which sends the requests for objects of one kind at
// once and joins what they fail with as it comes: here it comes in one order.
func (k *kubeClient) Create(resources kube.ResourceList, options ...kube.ClientCreateOption) (*kube.Result, error) {
	done, err := k.Client.Create(resources, options...)
	failures := separate(err)
	if len(failures) < 2 {
		return done, err
	}
	order(resources, failures)
	return done, errors.Join(failures...)
}

// Delete is that of Helm with its failures in one order.
func (k *kubeClient) Delete(resources kube.ResourceList, policy metav1.DeletionPropagation) (*kube.Result, []error) {
	done, failures := k.Client.Delete(resources, policy)
	order(resources, failures)
	return done, failures
}

// separate takes joined errors apart, and leaves alone those with a text of their own.
func separate(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var texts []string
	var out []error
	for _, e := range joined.Unwrap() {
		texts = append(texts, e.Error())
		out = append(out, separate(e)...)
	}
	if strings.Join(texts, "\n") != err.Error() {
		return []error{err}
	}
	return out
}

// order sorts failures by the objects that they name. Of the objects of one
// kind the last comes first: Go mostly begins with the goroutine started last.
func order(resources kube.ResourceList, failures []error) {
	place := func(err error) int {
		text := err.Error()
		for i, r := range resources {
			if strings.Contains(text, " "+r.Namespace+"/"+r.Name+" ") || strings.Contains(text, strconv.Quote(r.Name)) {
				return turn(resources, i)
			}
		}
		return len(resources) + 1
	}
	slices.SortStableFunc(failures, func(a, b error) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return strings.Compare(a.Error(), b.Error())
	})
}

// turn is the place of a resource among all when the last of its kind is first.
func turn(resources kube.ResourceList, i int) int {
	kind := func(i int) string { return resources[i].Mapping.GroupVersionKind.Kind }
	first, last := i, i
	for first > 0 && kind(first-1) == kind(i) {
		first--
	}
	for last < len(resources)-1 && kind(last+1) == kind(i) {
		last++
	}
	if i == last {
		return first
	}
	return i + 1
}
