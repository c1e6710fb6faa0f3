// Package e2e replays repositories on a real API server.
package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/flux-rehearse/flux-rehearse/simulate/controlplane"
)

func TestMain(m *testing.M) {
	if code, ran := controlplane.Main(); ran {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// server starts an API server that ends with the test.
func server(t *testing.T) *rest.Config {
	t.Helper()
	return serverOf(t, controlplane.Options{ServiceRange: "10.0.0.0/24"})
}

func serverOf(t *testing.T, o controlplane.Options) *rest.Config {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	plane, err := controlplane.Start(ctx, o)
	if err != nil {
		t.Fatal(fmt.Errorf("start the control plane: %w", err))
	}
	t.Cleanup(func() { plane.Stop() })
	return plane.Config()
}
