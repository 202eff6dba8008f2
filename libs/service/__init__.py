"""What every service stands on: application factory, problems, authentication, telemetry, settings, command line."""
