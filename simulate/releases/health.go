package releases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fluxcd/pkg/apis/kustomize"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/release"
)

// look is the time between two looks of the controller at the objects. When the
// time is up right when it wants to look again, the client mostly refuses before
// the wait notices, with words that name no object.
const look = 5 * time.Second

// waiting remembers what a reconciliation waited for in vain, where the words
// of the controller name no object.
type waiting struct{ problem string }

// healthOf lets actions wait on the simulated cluster, where nothing takes
// time. The texts are those of the controller when the time is up.
func healthOf(in simulate.ReleaseInput, waited *waiting) release.Health {
	return func(ctx context.Context, w release.Wait) error {
		exprs, err := expressions(in)
		if err != nil {
			return err
		}
		late, err := in.Wait(ctx, simulate.Awaited{
			Objects: w.Objects, Gone: w.For == release.Gone, Hook: w.For == release.Complete, Started: w.For == release.Started,
			Legacy: w.Legacy, Exprs: exprs,
		})
		switch {
		case err != nil || len(late) == 0:
			return err
		case w.Legacy:
			waited.problem = inVain(late)
			return legacyError(late, w)
		case w.For == release.Gone:
			return fmt.Errorf("%s termination timeout: %w", late[0].Name, context.DeadlineExceeded)
		}
		if w.Timeout%look == 0 {
			waited.problem = inVain(late)
		}
		return unhealthy(late, w)
	}
}

// inVain names the objects that the time was not enough for.
func inVain(late []simulate.Laggard) string {
	var names []string
	for _, l := range late {
		names = append(names, fmt.Sprintf("%s (%s)", l.Name, l.Status))
	}
	slices.Sort(names)
	return "the time-out is over before these are ready: " + strings.Join(names, ", ")
}

// legacyError has the words of Helm 3.
func legacyError(late []simulate.Laggard, w release.Wait) error {
	if w.For != release.Complete {
		return context.DeadlineExceeded
	}
	if l := late[0]; l.Status == "Failed" {
		return fmt.Errorf("job %s failed: %s", l.Name[strings.LastIndex(l.Name, "/")+1:], l.Cause)
	}
	return errors.New("timed out waiting for the condition")
}

func unhealthy(late []simulate.Laggard, w release.Wait) error {
	var pending, failed []string
	// The first one that the controller comes across ends the wait. Hooks are not
	// given up before their time, as they may be migrations.
	if i := slices.IndexFunc(late, func(l simulate.Laggard) bool { return l.Status == "Failed" }); i >= 0 && w.For != release.Complete {
		late = late[i : i+1]
	}
	slices.SortFunc(late, func(a, b simulate.Laggard) int { return strings.Compare(a.Name, b.Name) })
	for _, l := range late {
		line := fmt.Sprintf("%s status: '%s'", l.Name, l.Status)
		if l.Cause != "" {
			line += ": " + l.Cause
		}
		if l.Status == "Failed" {
			failed = append(failed, line)
		} else {
			pending = append(pending, line)
		}
	}
	if len(failed) > 0 && len(pending) == 0 {
		return fmt.Errorf("failed early due to stalled resources: [%s]", strings.Join(failed, ", "))
	}
	if len(failed) == 0 && w.Timeout%look == 0 {
		return errors.New("client rate limiter Wait returned an error: rate: Wait(n=1) would exceed context deadline")
	}
	return fmt.Errorf("timeout waiting for: [%s]", strings.Join(append(failed, pending...), ", "))
}

// expressions are the health checks that the HelmRelease defines itself.
func expressions(in simulate.ReleaseInput) ([]kustomize.CustomHealthCheck, error) {
	var hr struct {
		Spec struct {
			HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(in.Object.Object, &hr); err != nil {
		return nil, fmt.Errorf("read the health checks of %s: %w", in.Object.Ref(), err)
	}
	return hr.Spec.HealthCheckExprs, nil
}
