"""Can theory choose a weight decay? Small models trained for a grid of λ, and every quantity beside their test loss."""
