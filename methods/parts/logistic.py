"""Logistic regression, in closed form as far as users are concerned: scikit-learn's L-BFGS."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor, nn


def logistic_regression(x: Tensor, labels: Tensor, classes: int, strength: float = 0.316) -> nn.Linear:
    """A linear layer [F] -> [C] fitted to x [N, F], labels [N]: L2, at most 1000 iterations of L-BFGS.

    strength: scikit-learn's C, the inverse of the L2 weight. Classes without an example get a bias of minus a
    thousand, so that they are never chosen.
    """
    from sklearn.exceptions import ConvergenceWarning  # seconds, which most methods can do without
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=1000)
    seen = np.unique(labels.cpu().numpy())
    linear = nn.Linear(x.shape[1], classes, device=x.device)
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.fill_(-1000.0)
        if len(seen) == 1:
            linear.bias[int(seen[0])] = 0.0
            return linear
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the cap on iterations is part of the recipe
            model.fit(x.detach().cpu().double().numpy(), labels.cpu().numpy())
        weight, bias = model.coef_, model.intercept_
        if len(seen) == 2:  # one vector for both classes: half of it each way gives the same probabilities
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        index = torch.as_tensor(seen, device=x.device)
        linear.weight[index] = torch.as_tensor(weight).to(linear.weight)
        linear.bias[index] = torch.as_tensor(bias).to(linear.bias)
    return linear
