package simulate

import "context"

// settle imitates what the rest of a real cluster does after a change.
func (r *replay) settle(ctx context.Context) error {
	if r.settled == r.moment() && r.settled != 0 {
		return nil
	}
	e := r.opts.Emulate
	for _, part := range []struct {
		on bool
		do func(context.Context) error
	}{
		{e.ServiceAccounts, r.defaultAccounts},
		{e.ClusterRoles, r.aggregate},
		{e.Garbage, r.collect},
		{e.Namespaces, r.endNamespaces},
		{e.AssumeReady, r.workloads},
		{e.Webhooks, r.listWebhooks},
		{e.AggregatedAPIs, r.listAPIServices},
	} {
		if !part.on {
			continue
		}
		if err := part.do(ctx); err != nil {
			return err
		}
	}
	r.settled = r.moment()
	return nil
}
