"""Where runs are kept between deploys."""
